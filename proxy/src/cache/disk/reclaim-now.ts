import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../../errors.ts'
import { costOf, placesIn } from './places.ts'

export type Reclaimed = { readonly bytes: number; readonly removedBytes: number; readonly files: number }

/** Filled up to here, so that room lasts for a while. */
const TARGET = 0.9
/** Times of last use are counted in steps of this, ms. */
const STEP_MS = 60_000
/** A file that has been written to for longer was left by a process that was killed. */
const ABANDONED_MS = 600_000

/**
 * Brings the disk tier below its bound; synchronous. Walks the files twice: first to count bytes by time of last use, then to remove what was
 * used last before the time beyond which they are too many. It remembers nothing but the counts, however many files there are.
 * Throws the system's errors.
 */
export function reclaimNow(cacheDirectory: string, maxBytes: number, nowMs: number): Reclaimed {
  const places = placesIn(cacheDirectory)
  for (const { path, usedMs } of filesIn(places.temporary)) {
    if (nowMs - usedMs > ABANDONED_MS) rmSync(path, { force: true })
  }
  const bytesByStep = new Map<number, number>()
  let bytes = 0
  let files = 0
  for (const file of filesIn(places.answers)) {
    const step = Math.floor(file.usedMs / STEP_MS)
    bytesByStep.set(step, (bytesByStep.get(step) ?? 0) + file.bytes)
    bytes += file.bytes
    files++
  }
  if (bytes <= maxBytes * TARGET) return { bytes, removedBytes: 0, files }
  const removedBytes = removeOldest(places.answers, bytesByStep, bytes - maxBytes * TARGET)
  return { bytes: bytes - removedBytes, removedBytes, files }
}

/** Within the last step that has to give, whichever files come first. */
function removeOldest(directory: string, bytesByStep: ReadonlyMap<number, number>, excessBytes: number): number {
  const steps = [...bytesByStep].toSorted(([left], [right]) => left - right)
  let lastStep = 0
  for (let passed = 0, index = 0; passed < excessBytes && index < steps.length; index++) {
    const [step, bytes] = steps[index] ?? [0, 0]
    lastStep = step
    passed += bytes
  }
  let removedBytes = 0
  for (const { path, usedMs, bytes } of filesIn(directory)) {
    if (removedBytes >= excessBytes) break
    if (Math.floor(usedMs / STEP_MS) > lastStep) continue
    rmSync(path, { force: true })
    removedBytes += bytes
  }
  return removedBytes
}

type File = { readonly path: string; readonly bytes: number; readonly usedMs: number }

/** A folder at a time, whatever goes or comes meanwhile. */
function* filesIn(directory: string): Generator<File, void> {
  for (const entry of ifThere(() => readdirSync(directory, { withFileTypes: true })) ?? []) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats !== undefined) yield { path, bytes: costOf(stats.size), usedMs: stats.mtimeMs }
    }
  }
}

function ifThere<Result>(look: () => Result): Result | undefined {
  try {
    return look()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}
