import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** The app, from its start on. */
export type AppProcess = {
  /** Resolves with its port on 127.0.0.1. Rejects when it ends before it listens for the first time. */
  readonly listening: Promise<number>
  /** Resolves when it has ended, by force where that takes long. */
  stop(): Promise<void>
}

export type AppProcessOptions = {
  /** Path of the app's `main.ts`. */
  main: string
  environment: Readonly<Record<string, string | undefined>>
  /** Told whenever the app ended by itself and will be started again. */
  onEnd(how: string): void
}

const RESTART_MS = 1000
const STOP_MS = 10_000

/** The Blot app as a child of `dev`: started, restarted on the same port when it ends, and ended with its parent. */
export function startApp({ main, environment, onEnd }: AppProcessOptions): AppProcess {
  const listening = Promise.withResolvers<number>()
  // Whoever started it may be stopped before it asks.
  listening.promise.catch(() => undefined)
  let stopping = false
  let port: number | undefined
  let current = start()

  function start(): ChildProcess {
    const child = spawn(process.execPath, [main], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Ctrl-C in a terminal is for the edge: it drains with the app alive, and ends the app then.
      detached: true,
      env: port === undefined ? environment : { ...environment, BLOT_PORT: String(port) },
    })
    child.on('message', (message: unknown) => {
      port ??= portOf(message)
      if (port !== undefined) listening.resolve(port)
    })
    child.on('error', (error) => {
      if (child.pid === undefined) end(error.message)
    })
    child.once('exit', (code, signal) => end(signal ?? `code ${code}`))
    return child
  }

  function end(how: string): void {
    if (stopping) return
    if (port === undefined) {
      listening.reject(new Error(`the app ended with ${how} before it listened`))
      return
    }
    onEnd(how)
    setTimeout(() => {
      if (!stopping) current = start()
    }, RESTART_MS)
  }

  return {
    listening: listening.promise,
    async stop() {
      stopping = true
      if (current.pid === undefined || current.exitCode !== null || current.signalCode !== null) return
      const exited = once(current, 'exit')
      // No edge is left that it would have to tell.
      if (current.connected) current.disconnect()
      else current.kill('SIGTERM')
      const timer = setTimeout(() => current.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

function portOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || !('port' in message)) return undefined
  return typeof message.port === 'number' ? message.port : undefined
}
