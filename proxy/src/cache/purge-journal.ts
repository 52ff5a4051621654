import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../errors.ts'
import { fromFields, toFields, type NumberedPurge, type PurgeFields } from '../purge.ts'

/** A purge as it is kept. `here`: this machine's own, which others must hear of. */
export type JournalEntry = NumberedPurge & { readonly origin: 'here' | 'elsewhere' }

/** What is kept of the sequence: nothing is known of purges up to `after`. */
export type KeptPurges = { readonly after: number; readonly entries: readonly JournalEntry[] }

/** The sequence on disk. One process writes it, and others may read it meanwhile. */
export type PurgeJournal = {
  /** What was there when it was opened. */
  readonly kept: KeptPurges
  /** Resolves when the entries are on disk; rejects with nothing written. Not before the last call has settled. */
  append(entries: readonly JournalEntry[]): Promise<void>
  close(): Promise<void>
}

/** There are two segments at most: some eighty thousand purges of a host. */
const SEGMENT_BYTES = 4 * 1024 * 1024
const SEGMENT = /^(\d{1,16})\.purges$/

/**
 * Opens the sequence for writing, or begins one. Numbers begin with the time, µs: those of a sequence whose files are gone are
 * all smaller. Rejects with the error of the file system.
 */
export async function openPurgeJournal(directory: string, segmentBytes: number = SEGMENT_BYTES): Promise<PurgeJournal> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const found = await readSegments(directory)
  let last = found.at(-1)
  const kept = joinSegments(found)
  let handle: FileHandle
  let size: number
  if (last === undefined || last.damaged) {
    last = { after: Date.now() * 1000, bytes: 0, entries: [], damaged: false }
    handle = await createSegment(directory, last.after)
    size = 0
  } else {
    handle = await open(pathOf(directory, last.after), 'r+')
    // What a crash left of a line was not acknowledged.
    await handle.truncate(last.bytes)
    size = last.bytes
  }
  let position = last.entries.at(-1)?.number ?? last.after
  let isTorn = false

  async function rotate(): Promise<void> {
    const next = await createSegment(directory, position)
    await handle.close()
    handle = next
    size = 0
    const old = (await segmentNumbers(directory)).slice(0, -2)
    await Promise.all(old.map((after) => rm(pathOf(directory, after), { force: true })))
  }

  return {
    kept: last.entries.length === 0 && last.after > kept.after ? { after: last.after, entries: [] } : kept,
    async append(entries) {
      if (size >= segmentBytes) await rotate()
      const lines = Buffer.from(entries.map(toLine).join(''))
      try {
        if (isTorn) await handle.truncate(size)
        isTorn = true
        await handle.write(lines, 0, lines.length, size)
        await handle.datasync()
        isTorn = false
      } catch (error) {
        // A full disk took a part of it, perhaps. What cannot be cut off now is cut off before the next attempt.
        await handle.truncate(size).catch(() => undefined)
        throw error
      }
      size += lines.length
      position = entries.at(-1)?.number ?? position
    },
    close: () => handle.close(),
  }
}

/** @returns what is kept; nothing where there is no sequence yet. Rejects with the error of the file system. */
export async function readPurgeJournal(directory: string): Promise<KeptPurges> {
  return joinSegments(await readSegments(directory))
}

type Segment = KeptPurges & {
  /** Of whole lines. */
  readonly bytes: number
  /** A line is not what was written: the numbers of the next ones are not known. */
  readonly damaged: boolean
}

/** Behind a gap the sequence begins anew: what was purged in between is not known. */
function joinSegments(segments: readonly Segment[]): KeptPurges {
  let kept: { after: number; entries: JournalEntry[] } = { after: 0, entries: [] }
  for (const { after, entries } of segments) {
    const position = kept.entries.at(-1)?.number ?? kept.after
    if (after !== position) kept = { after, entries: [] }
    kept.entries.push(...entries)
  }
  return kept
}

async function readSegments(directory: string): Promise<Segment[]> {
  const numbers = await segmentNumbers(directory)
  const segments = await Promise.all(numbers.map((after) => readSegment(directory, after)))
  return segments.filter((segment) => segment !== undefined)
}

async function readSegment(directory: string, after: number): Promise<Segment | undefined> {
  try {
    const text = await readFile(pathOf(directory, after), 'utf8')
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const entries: JournalEntry[] = []
    for (const line of whole.split('\n').slice(0, -1)) {
      const entry = parseLine(line, after + entries.length + 1)
      if (entry === undefined) return { after, bytes: Buffer.byteLength(whole), entries, damaged: true }
      entries.push(entry)
    }
    return { after, bytes: Buffer.byteLength(whole), entries, damaged: false }
  } catch (error) {
    // Removed between the listing and now.
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

type Line = PurgeFields & Pick<JournalEntry, 'number' | 'origin' | 'atMs'>

function toLine({ number, origin, atMs, purge }: JournalEntry): string {
  return `${JSON.stringify({ number, origin, ...(atMs !== undefined && { atMs }), ...toFields(purge) } satisfies Line)}\n`
}

function parseLine(line: string, expected: number): JournalEntry | undefined {
  try {
    const { number, origin, atMs, ...fields } = JSON.parse(line) as Line
    if (number !== expected || (origin !== 'here' && origin !== 'elsewhere')) return undefined
    return { number, origin, ...(typeof atMs === 'number' && { atMs }), purge: fromFields(fields) }
  } catch {
    return undefined
  }
}

async function segmentNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  const numbers = names.map((name) => SEGMENT.exec(name)?.[1]).filter((digits) => digits !== undefined)
  return numbers.map(Number).toSorted((left, right) => left - right)
}

async function createSegment(directory: string, after: number): Promise<FileHandle> {
  await using folder = await open(directory, 'r')
  const handle = await open(pathOf(directory, after), 'w', 0o600)
  try {
    await folder.sync()
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

function pathOf(directory: string, after: number): string {
  return join(directory, `${after}.purges`)
}
