import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Server } from '../servers/server.ts'

/** What a load tool saw. */
export type LoadResult = {
  /** Requests, handshakes or messages that were answered as they should be. */
  readonly count: number
  /** Those that were not. */
  readonly errors: number
  /** How long the load lasted, without the tool's own start. */
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** One kind of load by one tool. */
export type Load = {
  readonly tool: string
  run(target: Pick<Server, 'http' | 'https'>, options: LoadOptions): Promise<LoadResult>
}

export type LoadOptions = { readonly seconds: number; readonly signal: AbortSignal }

const OUTPUT_BYTES = 64 * 1024 * 1024
const execute = promisify(execFile)

/** Runs a tool to its end. @returns its standard output. Rejects with what it wrote when it fails. */
export async function runTool(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  input = '',
): Promise<string> {
  const running = execute(command, args, { signal, maxBuffer: OUTPUT_BYTES })
  // A tool that ends before it has read all says why itself.
  running.child.stdin?.on('error', () => undefined).end(input)
  return (await running).stdout
}

/** Runs one of our own load programs, in a process of its own: JSON goes in, and comes out. */
export async function runProgram(program: string, input: object, signal: AbortSignal): Promise<LoadResult> {
  const file = join(import.meta.dirname, 'programs', `${program}.ts`)
  return JSON.parse(await runTool(process.execPath, [file], signal, JSON.stringify(input))) as LoadResult
}

/** @param sorted ascending. @param share 0.5 for the median. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
