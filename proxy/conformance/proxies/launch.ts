import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type LaunchOptions = {
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Ports that answer HTTP once it serves. */
  readonly ports: readonly number[]
}

const START_MS = 20_000
const STOP_MS = 5000
const LOOK_MS = 50
const KEPT_CHARACTERS = 4000

/** Starts a program and waits until it answers. @returns the way to end it. @throws with what it wrote, when it does not. */
export async function launch({ command, args, environment, ports }: LaunchOptions): Promise<() => Promise<void>> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
  let written = ''
  for (const output of [child.stdout, child.stderr]) {
    output.on('data', (chunk: Buffer) => (written = (written + chunk.toString()).slice(-KEPT_CHARACTERS)))
  }
  const ended = once(child, 'exit')
  await once(child, 'spawn')
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  void ended.then(() => process.off('exit', kill))

  async function stop(): Promise<void> {
    // HAProxy takes SIGTERM for now; so do the others once nothing is under way.
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
  }

  const deadlineMs = performance.now() + START_MS
  for (const port of ports) {
    while (!(await answers(port))) {
      if (child.exitCode === null && child.signalCode === null && performance.now() < deadlineMs) await sleep(LOOK_MS)
      else return stop().then(() => Promise.reject(new Error(`${command} does not serve:\n${written}`)))
    }
  }
  return stop
}

/** @returns a port of loopback on which nobody listens now. */
export async function findFreePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('close', () => resolve(false))
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: app.example\r\n\r\n')
  })
}
