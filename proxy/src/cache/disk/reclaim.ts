import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Reclaimed } from './reclaim-now.ts'

/** Keeps the disk tier below its bound: one for a machine. */
export type Reclaimer = {
  /** Resolves when it is below. Whoever asks while it runs gets the next run. */
  reclaim(): Promise<Reclaimed>
}

const THREAD = join(import.meta.dirname, 'reclaim-thread.ts')

/** A look through a million files takes its time: a thread makes it, whose calls block nobody else and need no trip through a pool. */
export function createReclaimer(cacheDirectory: string, maxBytes: number): Reclaimer {
  async function run(): Promise<Reclaimed> {
    const thread = new Worker(THREAD, { workerData: { cacheDirectory, maxBytes }, name: 'reclaim' })
    const [found] = (await once(thread, 'message')) as [Reclaimed]
    return found
  }

  let running: Promise<Reclaimed> | undefined
  let next: Promise<Reclaimed> | undefined
  function start(): Promise<Reclaimed> {
    running = run().finally(() => (running = undefined))
    return running
  }

  return {
    reclaim() {
      if (running === undefined) return start()
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined
          return start()
        })
      return next
    },
  }
}
