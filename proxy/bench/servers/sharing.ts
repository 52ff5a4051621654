import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How two workers share a port: the edge's way, and two that it could have. */
export const WAYS = ['descriptor', 'hand-over', 'reuse-port'] as const
export type Way = (typeof WAYS)[number]

/** A primary with two workers. */
export type SharingServer = {
  readonly pid: number
  readonly port: number
  /** Resolves when other workers serve; the old ones drain. */
  replace(): Promise<void>
  stop(): Promise<void>
}

const PROGRAM = join(import.meta.dirname, '../peers/sharing.ts')

/** @param cores for `taskset -c`. */
export async function startSharing(way: Way, cores: string, signal: AbortSignal): Promise<SharingServer> {
  const child = spawn('taskset', ['-c', cores, process.execPath, PROGRAM, way], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  })
  child.on('error', () => undefined)
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  async function next(): Promise<string> {
    const { value, done } = await lines.next()
    if (done === true)
      throw new Error(`the server that shares by ${way} ended with ${child.exitCode ?? child.signalCode}`)
    return value
  }
  const port = Number(await next())
  return {
    pid: child.pid ?? NaN,
    port,
    async replace() {
      child.stdin.write('replace\n')
      await next()
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
