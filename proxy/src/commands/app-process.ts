import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export type AppProcess = {
  /** The port on 127.0.0.1 that the app listens on. */
  readonly port: number
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

/** The Blot app as a child of `dev`: started, restarted when it ends, and ended with its parent. */
export async function startApp(options: AppProcessOptions): Promise<AppProcess> {
  let stopping = false
  let current: ChildProcess

  async function start(fixedPort: string | undefined): Promise<number> {
    const child = spawn(process.execPath, [options.main], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: fixedPort === undefined ? options.environment : { ...options.environment, BLOT_PORT: fixedPort },
    })
    current = child
    const listening = Promise.withResolvers<number>()
    child.on('message', (message: unknown) => {
      const chosen = portOf(message)
      if (chosen !== undefined) listening.resolve(chosen)
    })
    child.once('error', listening.reject)
    child.once('exit', (code, signal) => {
      const how = signal ?? `code ${code}`
      listening.reject(new Error(`the app ended with ${how} before it listened`))
    })
    return listening.promise
  }

  /** The first start must succeed; a later one is tried until it does, on the same port. */
  function restartWhenEnded(port: number): void {
    current.once('exit', (code, signal) => {
      if (stopping) return
      options.onEnd(signal ?? `code ${code}`)
      setTimeout(() => {
        if (stopping) return
        start(String(port)).catch(() => undefined)
        restartWhenEnded(port)
      }, RESTART_MS)
    })
  }

  const port = await start(undefined)
  restartWhenEnded(port)
  return {
    port,
    async stop() {
      stopping = true
      if (current.exitCode !== null || current.signalCode !== null) return
      current.kill('SIGTERM')
      await once(current, 'exit')
    },
  }
}

function portOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || !('port' in message)) return undefined
  return typeof message.port === 'number' ? message.port : undefined
}
