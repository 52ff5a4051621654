import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type LaunchOptions = {
  readonly command: string
  readonly args: readonly string[]
  /** For `taskset -c`. */
  readonly core: string
  /** Standard output and standard error are appended here. */
  readonly logFile: string
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
}

/** A program that runs on a core of its own, with a process group of its own. */
export type Launched = {
  readonly pid: number
  readonly hasEnded: boolean
  /** Resolves once the whole group was asked to end and its first process is gone. */
  stop(): Promise<void>
}

const STOP_MS = 10_000
const START_MS = 60_000
const LOOK_MS = 10

/** A group of its own: Ctrl-C reaches the benchmark alone, which then ends what it has started. */
export async function launch(options: LaunchOptions): Promise<Launched> {
  // Appending, so that a log can be emptied while it is written to.
  // What an earlier server of the same folder wrote says nothing of this one, least of all its ports.
  rmSync(options.logFile, { force: true })
  const log = openSync(options.logFile, 'a')
  const child = spawn('taskset', ['-c', options.core, options.command, ...options.args], {
    cwd: options.directory,
    stdio: ['ignore', log, log],
    detached: true,
    env: { ...process.env, ...options.environment },
  })
  closeSync(log)
  const ended = once(child, 'exit')
  await once(child, 'spawn')
  const { pid } = child
  if (pid === undefined) throw new Error(`${options.command} has no process id`)
  const killAtExit = (): void => killGroup(pid, 'SIGKILL')
  process.once('exit', killAtExit)
  void ended.then(() => process.off('exit', killAtExit))
  return {
    pid,
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null
    },
    async stop() {
      killGroup(pid, 'SIGTERM')
      const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** Waits until `isReady`; tells what a server has written when it ends before that, or takes too long. */
export async function untilReady(launched: Launched, logFile: string, isReady: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + START_MS
  while (!(await isReady())) {
    if (launched.hasEnded || performance.now() > deadlineMs) {
      await launched.stop()
      throw new Error(`a server did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`)
    }
    await sleep(LOOK_MS)
  }
}

/** @returns a port of loopback on which nobody listens now. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
