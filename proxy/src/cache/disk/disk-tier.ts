import { closeSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../errors.ts'
import { edgeChannel } from '../../events.ts'
import { lookAt } from '../../static/open.ts'
import type { FieldList } from '../representation.ts'
import { selectionOf } from '../rules/vary.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import { encodeTail } from './answer-file.ts'
import { placesIn } from './places.ts'
import { readAnswer, readSignpost, type ReadAnswer, type Signpost } from './read.ts'

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
  let pausedUntilMs = 0
  let quietUntilMs = 0

  const takeAllowance = createAllowance(allowanceBytes, reclaim, report)

  function report(error: unknown): void {
    if (now() < quietUntilMs) return
    quietUntilMs = now() + TELL_MS
    edgeChannel('fault').publish({ area: 'cache', message: 'disk cache failed', error })
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
      if (stored.vary.length > 0) await writeSignpost(temporary, places.signpost(stored.key), stored.vary)
    } catch (error) {
      pausedUntilMs = now() + PAUSE_MS
      report(error)
    }
    // Cancelled while it was moved.
    if (state.isCancelled) await rm(path, { force: true }).catch(report)
    await rm(temporary, { force: true }).catch(report)
  }

  function findVariant(path: string, { sinceMs }: Signpost): ReadAnswer | undefined {
    const variant = readAnswer(path, maxMemoryBytes, now())
    if (variant === undefined || variant.stored.head.requestedMs >= sinceMs) return variant
    if (variant.kind === 'open') closeSync(variant.descriptor)
    remove(path)
    return undefined
  }

  /** Which variants there are, nobody knows: their signpost says that they are no more. */
  function expireVariants(key: string): void {
    const path = places.signpost(key)
    const known = readSignpost(path)
    if (known === undefined) return
    const temporary = `${places.temporary}/${process.pid}-${counter++}`
    writeFileSync(temporary, encodeSignpost({ ...known, sinceMs: now() }), { mode: 0o600 })
    renameSync(temporary, path)
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
        const signpost = readSignpost(places.signpost(key))
        return signpost && findVariant(places.answer(key, selectionOf(signpost.vary, rawHeaders)), signpost)
      }),

    hasVariants: (key) => attempt(() => lookAt(places.signpost(key))) !== undefined,

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
      attempt(() => expireVariants(key))
    },

    async idle() {
      await Promise.all([...writes.values()].map(({ done }) => done))
    },
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

async function writeSignpost(temporary: string, path: string, vary: Signpost['vary']): Promise<void> {
  const known = readSignpost(path)
  if (known !== undefined && known.vary.join() === vary.join()) return
  await writeTemporary(temporary, [encodeSignpost({ vary, sinceMs: known?.sinceMs ?? 0 })])
  await moveInto(temporary, path)
}

function encodeSignpost(signpost: Signpost): Buffer {
  return Buffer.from(JSON.stringify(signpost))
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
