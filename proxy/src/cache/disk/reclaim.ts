import { opendir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../errors.ts'
import { placesIn } from './places.ts'

export type Reclaimed = { readonly bytes: number; readonly removedBytes: number; readonly files: number }

/** Keeps the disk tier below its bound: one for a machine. */
export type Reclaimer = {
  /** Resolves when it is below. Whoever asks while it runs gets the next run. */
  reclaim(): Promise<Reclaimed>
}

/** Filled up to here, so that room lasts for a while. */
const TARGET = 0.9
/** Times of last use are counted in steps of this, ms. */
const STEP_MS = 60_000
/** A file that has been written to for longer was left by a process that was killed. */
const ABANDONED_MS = 600_000
/** What a file costs besides its bytes: half a block, and an inode. */
const FILE_BYTES = 2048 + 256

/**
 * Walks the files twice: first to count bytes by time of last use, then to remove what was used last before the time
 * beyond which they are too many. It remembers nothing but the counts, however many files there are.
 */
export function createReclaimer(cacheDirectory: string, maxBytes: number, now: () => number = Date.now): Reclaimer {
  const places = placesIn(cacheDirectory)

  async function run(): Promise<Reclaimed> {
    for await (const { path, usedMs } of filesIn(places.temporary)) {
      if (now() - usedMs > ABANDONED_MS) await rm(path, { force: true })
    }
    const bytesByStep = new Map<number, number>()
    let bytes = 0
    let files = 0
    for await (const file of filesIn(places.answers)) {
      const step = Math.floor(file.usedMs / STEP_MS)
      bytesByStep.set(step, (bytesByStep.get(step) ?? 0) + file.bytes)
      bytes += file.bytes
      files++
    }
    if (bytes <= maxBytes * TARGET) return { bytes, removedBytes: 0, files }
    const removedBytes = await removeOldest(bytesByStep, bytes - maxBytes * TARGET)
    return { bytes: bytes - removedBytes, removedBytes, files }
  }

  /** Within the last step that has to give, whichever files come first. */
  async function removeOldest(bytesByStep: ReadonlyMap<number, number>, excessBytes: number): Promise<number> {
    const steps = [...bytesByStep].toSorted(([left], [right]) => left - right)
    let lastStep = 0
    for (let passed = 0, index = 0; passed < excessBytes && index < steps.length; index++) {
      const [step, bytes] = steps[index] ?? [0, 0]
      lastStep = step
      passed += bytes
    }
    let removedBytes = 0
    for await (const { path, usedMs, bytes } of filesIn(places.answers)) {
      if (removedBytes >= excessBytes) break
      if (Math.floor(usedMs / STEP_MS) > lastStep) continue
      await rm(path, { force: true })
      removedBytes += bytes
    }
    return removedBytes
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

type File = { readonly path: string; readonly bytes: number; readonly usedMs: number }

/** One file at a time: the walk takes its time, and leaves the disk to visitors. */
async function* filesIn(directory: string): AsyncGenerator<File, void> {
  const entries = await opendir(directory).catch(nothingIfGone)
  if (entries === undefined) return
  for await (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else {
      const stats = await stat(path).catch(nothingIfGone)
      if (stats !== undefined) yield { path, bytes: stats.size + FILE_BYTES, usedMs: stats.mtimeMs }
    }
  }
}

function nothingIfGone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
  return undefined
}
