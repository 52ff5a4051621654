import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { MixedInput } from '../programs/mixed.ts'
import type { Report } from './tally.ts'

/** A mixed load that goes on. */
export type RunningLoad = {
  readonly record: string
  /** What it has seen so far. */
  report(): Promise<Report>
  /** Lets every visitor finish what is under way. @returns all that was seen. */
  end(): Promise<Report>
  /** Ends it at once; nothing where it has ended. */
  kill(): void
}

export type LoadOptions = Pick<MixedInput, 'http' | 'https' | 'mainHost' | 'sites' | 'run' | 'secret' | 'record'> &
  Partial<Pick<MixedInput, 'seed' | 'pace' | 'without'>>

const PROGRAM = join(import.meta.dirname, '../programs/mixed.ts')

/** Starts the load in a process of its own, which neither slows down who watches it nor is slowed down by them. */
export function startMixedLoad(options: LoadOptions, signal?: AbortSignal): RunningLoad {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'], ...(signal && { signal }) })
  child.on('error', () => undefined)
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const input: MixedInput = { seed: 1, pace: 1, without: [], ...options }
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${JSON.stringify(input)}\n`)

  async function next(): Promise<Report> {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the load ended with ${child.exitCode ?? child.signalCode}`)
    return JSON.parse(value) as Report
  }

  return {
    record: options.record,
    kill: () => void child.kill('SIGKILL'),
    report() {
      child.stdin.write('\n')
      return next()
    },
    async end() {
      child.stdin.end()
      const report = await next()
      await exited
      return report
    },
  }
}
