import { rmSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../errors.ts'
import { edgeChannel } from '../../events.ts'
import type { FieldList } from '../representation.ts'
import { selectionOf } from '../rules/vary.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import { encodeTail } from './answer-file.ts'
import { placesIn } from './places.ts'
import { readAnswer, readSignpost, type ReadAnswer } from './read.ts'

/** What the edge stored of the app's answers, in files that outlive it. Nothing here throws or rejects: a disk that fails is a miss. */
export type DiskTier = {
  /** Synchronous. Torn and damaged files are removed. */
  find(key: string, rawHeaders: FieldList): ReadAnswer | undefined
  /** Resolves when it is written, or will not be. */
  put(stored: StoredAnswer, body: Buffer): Promise<void>
  /** Removes the answer; of one with variants, this one. */
  drop(stored: StoredAnswer): void
  /** Removes what is there for a key without variants, and the way to its variants. */
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
  let counter = 0
  let writtenBytes = 0
  let isReclaiming = false
  let pausedUntilMs = 0
  let quietUntilMs = 0

  function report(error: unknown): void {
    if (now() < quietUntilMs) return
    quietUntilMs = now() + TELL_MS
    edgeChannel('fault').publish({ area: 'cache', message: 'disk cache failed', error })
  }

  /** @returns false while there is no room. */
  function takeAllowance(bytes: number): boolean {
    if (writtenBytes + bytes > allowanceBytes && !isReclaiming) {
      isReclaiming = true
      reclaim()
        .then(() => (writtenBytes = 0))
        .catch(report)
        .finally(() => (isReclaiming = false))
    }
    if (writtenBytes + bytes > allowanceBytes) return false
    writtenBytes += bytes
    return true
  }

  async function write(
    path: string,
    { stored, body, tail }: Written,
    state: Write,
    before: Write | undefined,
  ): Promise<void> {
    await before?.done
    const temporary = `${places.temporary}/${process.pid}-${counter++}`
    try {
      await writeTemporary(temporary, [body, tail])
      if (!state.isCancelled) await moveInto(temporary, path)
      if (stored.vary.length > 0) {
        await writeTemporary(temporary, [Buffer.from(JSON.stringify(stored.vary))])
        await moveInto(temporary, places.signpost(stored.key))
      }
    } catch (error) {
      pausedUntilMs = now() + PAUSE_MS
      report(error)
    }
    // Cancelled while it was moved.
    if (state.isCancelled) await rm(path, { force: true }).catch(report)
    await rm(temporary, { force: true }).catch(report)
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
        const plain = readAnswer(places.answer(key, ''), maxMemoryBytes, now())
        if (plain !== undefined) return plain
        const vary = readSignpost(places.signpost(key))
        return vary && readAnswer(places.answer(key, selectionOf(vary, rawHeaders)), maxMemoryBytes, now())
      }),

    async put(stored, body) {
      const path = places.answer(stored.key, stored.selection)
      const tail = encodeTail(stored, body)
      if (writes.size >= MAX_WRITES || now() < pausedUntilMs || !takeAllowance(body.length + tail.length)) {
        // What is there would be older than what is known.
        remove(path)
        return
      }
      // One that is for everybody would go before variants.
      if (stored.vary.length > 0) remove(places.answer(stored.key, ''))
      const before = writes.get(path)
      const writing: Write = { isCancelled: false, done: Promise.resolve() }
      writes.set(path, writing)
      writing.done = write(path, { stored, body, tail }, writing, before)
      await writing.done
      if (writes.get(path) === writing) writes.delete(path)
    },

    drop: (stored) => remove(places.answer(stored.key, stored.selection)),

    dropKey(key) {
      remove(places.answer(key, ''))
      attempt(() => rmSync(places.signpost(key), { force: true }))
    },

    async idle() {
      await Promise.all([...writes.values()].map(({ done }) => done))
    },
  }
}

type Write = { isCancelled: boolean; done: Promise<void> }
type Written = { readonly stored: StoredAnswer; readonly body: Buffer; readonly tail: Buffer }

/**
 * Not synced: what a crash of the machine tears, its checksum tells; and an answer that is lost is asked for again.
 */
async function writeTemporary(path: string, parts: readonly Buffer[]): Promise<void> {
  const write = (): Promise<void> => writeFile(path, parts, { mode: 0o600 })
  await write().catch((error: unknown) => makeFolder(error, path).then(write))
}

/** The rename makes it whole for every other process. */
async function moveInto(temporary: string, path: string): Promise<void> {
  const move = (): Promise<void> => rename(temporary, path)
  await move().catch((error: unknown) => makeFolder(error, path).then(move))
}

async function makeFolder(error: unknown, path: string): Promise<void> {
  if (codeOf(error) !== 'ENOENT') throw error
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
}
