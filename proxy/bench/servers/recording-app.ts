import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Moment } from '../load/mixed/judge.ts'
import { findFreePort } from './launch.ts'

/** The app behind the mixed load, in a process that can be killed and started again on its port. */
export type RecordingApp = {
  readonly port: number
  /** What it received and acted on; see `audit.ts`. */
  readonly record: string
  /** Signs its webhooks. */
  readonly secret: string
  /** `SIGKILL`; resolves once it is gone, with when that was. */
  kill(): Promise<Moment>
  /** Resolves once it listens. */
  start(): Promise<void>
}

const PROGRAM = join(import.meta.dirname, '../peers/recording-app.ts')

/** @param core for `taskset -c`; without it, any. */
export async function startRecordingApp(record: string, core?: string): Promise<RecordingApp> {
  const port = await findFreePort()
  const secret = 'the-app-secret'
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const program = [process.execPath, PROGRAM, String(port), record, secret]
    const [command = '', ...args] = core === undefined ? program : ['taskset', '-c', core, ...program]
    const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child = started
    const ended = once(started, 'exit').then(([code]) => {
      throw new Error(`the app ended with ${String(code)}`)
    })
    await Promise.race([once(started.stdout, 'data'), ended])
    ended.catch(() => undefined)
  }

  async function kill(): Promise<Moment> {
    const fromMs = Date.now()
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    return { fromMs, toMs: Date.now() }
  }

  await start()
  return { port, record, secret, kill, start }
}
