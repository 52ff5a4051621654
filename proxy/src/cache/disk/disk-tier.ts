import { closeSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { LRUCache } from 'lru-cache'
import { edgeChannel } from '../../events.ts'
import type { FieldList } from '../representation.ts'
import { selectionOf } from '../rules/vary.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import { encodeTail } from './answer-file.ts'
import { costOf, placesIn } from './places.ts'
import { readAnswer, type CheckedFiles, type ReadAnswer } from './read.ts'
import { endVariants, hasVariants, readSignpost, writeSignpost, type Signpost } from './signpost.ts'
import { moveInto, writeTemporary } from './write.ts'

/** What the edge stored of the app's answers, in files that outlive it. Nothing here throws or rejects: a disk that fails is a miss. */
export type DiskTier = {
  /** Synchronous. Torn and damaged files are removed. */
  find(key: string, rawHeaders: FieldList): ReadAnswer | undefined
  /** Have answers been stored under this key that are not for everybody? */
  hasVariants(key: string): boolean
  /** Resolves when it is written, or will not be. */
  put(stored: StoredAnswer, body: Buffer): Promise<void>
  /** Removes the answer; of one with variants, this one. */
  drop(stored: StoredAnswer): void
  /** Nothing that was stored for this key so far, in whatever variant, is found any more. */
  dropKey(key: string): void
  /** Resolves when nothing is being written. */
  idle(): Promise<void>
}

export type DiskTierOptions = {
  /** `{cache}`. */
  readonly cacheDirectory: string
  /** For this worker: when it has written as much, it asks for room. */
  readonly allowanceBytes: number
  /** Resolves when the tier is below its bound again. */
  reclaim(): Promise<unknown>
  /** A larger body stays in its file when it is read. */
  readonly maxMemoryBytes: number
  readonly now: () => number
}

/** Large files that need not be read whole again before they are sent. */
const MAX_CHECKED = 1000
/** Writes under way; what comes meanwhile is not written. */
const MAX_WRITES = 16
/** After a failure (no space, no permission) nothing is written for a while; told once a minute. */
const PAUSE_MS = 10_000
const TELL_MS = 60_000

export function createDiskTier({
  cacheDirectory,
  allowanceBytes,
  reclaim,
  maxMemoryBytes,
  now,
}: DiskTierOptions): DiskTier {
  const places = placesIn(cacheDirectory)
  const writes = new Map<string, Write>()
  const checked: CheckedFiles = new LRUCache({ max: MAX_CHECKED })
  let counter = 0
  let pausedUntilMs = 0

  const report = createReport(now)
  const takeAllowance = createAllowance(allowanceBytes, reclaim, report)
  const nextTemporary = (): string => `${places.temporary}/${process.pid}-${counter++}`

  async function write(
    path: string,
    { stored, body, tail }: Written,
    state: Write,
    before: Write | undefined,
  ): Promise<void> {
    await before?.done
    const temporary = nextTemporary()
    try {
      await writeTemporary(temporary, [body, tail])
      if (!state.isCancelled) await moveInto(temporary, path)
      if (stored.vary.length > 0) await writeSignpost(temporary, places.signpost(stored.key), stored.vary)
    } catch (error) {
      pausedUntilMs = now() + PAUSE_MS
      report(error)
      // What is there would be older than what is known.
      state.isCancelled = true
    }
    // Perhaps while it was moved.
    if (state.isCancelled) await rm(path, { force: true }).catch(report)
    await rm(temporary, { force: true }).catch(report)
  }

  const read = (path: string): ReadAnswer | undefined => readAnswer(path, { maxMemoryBytes, checked, nowMs: now() })

  function findVariant(path: string, { sinceMs }: Signpost): ReadAnswer | undefined {
    const variant = read(path)
    if (variant === undefined || variant.stored.head.requestedMs > sinceMs) return variant
    if (variant.kind === 'open') closeSync(variant.descriptor)
    remove(path)
    return undefined
  }

  function dropVariants(key: string): void {
    for (const writing of writes.values()) if (writing.variantOf === key) writing.isCancelled = true
    attempt(() => endVariants(nextTemporary(), places.signpost(key), now()))
  }

  function remove(path: string): void {
    const writing = writes.get(path)
    if (writing !== undefined) writing.isCancelled = true
    attempt(() => rmSync(path, { force: true }))
  }

  function attempt<Result>(action: () => Result): Result | undefined {
    try {
      return action()
    } catch (error) {
      report(error)
      return undefined
    }
  }

  return {
    find: (key, rawHeaders) =>
      attempt(() => {
        const plain = read(places.answer(key, ''))
        if (plain !== undefined) return plain
        const signpost = readSignpost(places.signpost(key))
        return signpost && findVariant(places.answer(key, selectionOf(signpost.vary, rawHeaders)), signpost)
      }),

    hasVariants: (key) => attempt(() => hasVariants(readSignpost(places.signpost(key)))) === true,

    async put(stored, body) {
      const path = places.answer(stored.key, stored.selection)
      const tail = encodeTail(stored, body)
      const isVariant = stored.vary.length > 0
      // One that is for everybody takes the place of variants, and would go before those that come.
      if (isVariant) remove(places.answer(stored.key, ''))
      else dropVariants(stored.key)
      const cost = costOf(body.length + tail.length) + (isVariant ? costOf(1) : 0)
      if (writes.size >= MAX_WRITES || now() < pausedUntilMs || !takeAllowance(cost)) {
        // What is there would be older than what is known.
        remove(path)
        return
      }
      const before = writes.get(path)
      const variantOf = isVariant ? stored.key : undefined
      const writing: Write = { isCancelled: false, variantOf, done: Promise.resolve() }
      writes.set(path, writing)
      writing.done = write(path, { stored, body, tail }, writing, before)
      await writing.done
      if (writes.get(path) === writing) writes.delete(path)
    },

    drop: (stored) => remove(places.answer(stored.key, stored.selection)),

    dropKey(key) {
      remove(places.answer(key, ''))
      dropVariants(key)
    },

    async idle() {
      await Promise.all([...writes.values()].map(({ done }) => done))
    },
  }
}

/** @returns what tells of a failure, unless one has been told of lately. */
function createReport(now: () => number): (error: unknown) => void {
  let quietUntilMs = 0
  return (error) => {
    if (now() < quietUntilMs) return
    quietUntilMs = now() + TELL_MS
    edgeChannel('fault').publish({ area: 'cache', message: 'disk cache failed', error })
  }
}

/** @returns what takes bytes of the allowance; false while there is no room. */
function createAllowance(
  allowanceBytes: number,
  reclaim: DiskTierOptions['reclaim'],
  report: (error: unknown) => void,
): (bytes: number) => boolean {
  let writtenBytes = 0
  let isReclaiming = false
  return (bytes) => {
    const hasRoom = writtenBytes + bytes <= allowanceBytes
    if (hasRoom) writtenBytes += bytes
    else if (!isReclaiming) {
      isReclaiming = true
      reclaim()
        .then(() => (writtenBytes = 0))
        .catch(report)
        .finally(() => (isReclaiming = false))
    }
    return hasRoom
  }
}

type Write = { isCancelled: boolean; readonly variantOf: string | undefined; done: Promise<void> }
type Written = { readonly stored: StoredAnswer; readonly body: Buffer; readonly tail: Buffer }
