import { setImmediate } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Purge } from '../purge.ts'
import type { Coding } from '../static/coding.ts'
import type { ReadyBody } from './found.ts'
import { bytesOf, softened, type KeptAnswer } from './kept-answer.ts'
import { bytesOfPart, type KeptPart } from './kept-part.ts'
import { createKeyIndex, type KeyIndex } from './key-index.ts'

export type Entry = {
  readonly ready: ReadyBody
  /** The file that it was read from. */
  readonly path: string
  readonly identity: string
  checkedAtMs: number
}

/** The file for a key: an entry for each coding that was asked for. */
export type FileShelf = {
  /** The codings that there are besides the original. */
  readonly codings: readonly Coding[]
  readonly entries: ReadonlyMap<Coding | undefined, Entry>
}

/** What is kept under one key. */
export type Shelf = {
  readonly file: FileShelf | undefined
  /** Answers of the app: one for each selection of `Vary`, the latest first. */
  readonly answers: readonly KeptAnswer[]
  /** Parts of answers of which the whole is not there. */
  readonly parts: readonly KeptPart[]
}

/** Answers in memory, bounded by bytes, least recently used out. */
export type Memory = {
  get(key: string): Shelf | undefined
  /** The same, without being a use of it. */
  peek(key: string): Shelf | undefined
  /** undefined: there is none. */
  putFile(key: string, file: FileShelf | undefined): void
  /** Ends what is stored of their parts. */
  putAnswers(key: string, answers: readonly KeptAnswer[]): void
  putParts(key: string, parts: readonly KeptPart[]): void
  /**
   * Drops what a purge names, or makes answers stale if it is soft; many entries a few at a time, for visitors to be answered meanwhile.
   * @returns how many entries each name had, in the order of hosts, URLs, prefixes and tags; of a purge of everything, the one number.
   */
  purge(purge: Purge): Promise<number[]>
  stats(): { entries: number; bytes: number }
}

/** What an entry costs besides its body and key: headers, objects, places in maps; in bytes, rounded up. */
const ENTRY_BYTES = 2048
/** How long a purge may keep visitors waiting, ms, and how often it looks at the clock, entries. */
const SLICE_MS = 4
const SLICE = 64

const EMPTY: Shelf = { file: undefined, answers: [], parts: [] }

export function createMemory(maxBytes: number): Memory {
  let tier = createTier(maxBytes)

  function put(key: string, shelf: Shelf): void {
    if (shelf.file === undefined && shelf.answers.length + shelf.parts.length === 0) tier.shelves.delete(key)
    else tier.shelves.set(key, shelf)
  }

  return {
    get: (key) => tier.shelves.get(key),
    peek: (key) => tier.shelves.peek(key),
    putFile(key, file) {
      const { answers, parts } = tier.shelves.peek(key) ?? EMPTY
      put(key, { file, answers, parts })
    },
    putAnswers(key, answers) {
      put(key, { file: tier.shelves.peek(key)?.file, answers, parts: [] })
    },
    putParts(key, parts) {
      const { file, answers } = tier.shelves.peek(key) ?? EMPTY
      put(key, { file, answers, parts })
    },
    async purge(purge) {
      if (!purge.everything) return dropNamed(tier, purge)
      const { entries } = tier
      // A new one is there at once, however large the old one was.
      tier = createTier(maxBytes)
      return [entries]
    },
    stats: () => ({ entries: tier.entries, bytes: tier.shelves.calculatedSize }),
  }
}

type Tier = { readonly shelves: LRUCache<string, Shelf>; readonly index: KeyIndex; entries: number }

function createTier(maxBytes: number): Tier {
  const index = createKeyIndex()
  const shelves = new LRUCache<string, Shelf>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: sizeOf,
    onInsert(shelf, key) {
      tier.entries += entriesOf(shelf)
      index.add(key, tagsOf(shelf))
    },
    dispose(shelf, key) {
      tier.entries -= entriesOf(shelf)
      index.delete(key, tagsOf(shelf))
    },
  })
  const tier: Tier = { shelves, index, entries: 0 }
  return tier
}

async function dropNamed(tier: Tier, purge: Purge): Promise<number[]> {
  const counts: number[] = []
  let dropped = 0
  let startedMs = performance.now()
  for (const keys of tier.index.find(purge)) {
    let count = 0
    for (const key of keys) {
      count += dropShelf(tier, key, purge.soft)
      if (++dropped % SLICE !== 0 || performance.now() - startedMs < SLICE_MS) continue
      await setImmediate()
      startedMs = performance.now()
    }
    counts.push(count)
  }
  return counts
}

/** @returns how many entries went, or became stale. */
function dropShelf({ shelves }: Tier, key: string, soft: boolean): number {
  const shelf = shelves.peek(key)
  if (shelf === undefined) return 0
  if (soft && shelf.answers.length > 0)
    shelves.set(key, { file: undefined, answers: shelf.answers.map(softened), parts: [] })
  else shelves.delete(key)
  return entriesOf(shelf)
}

function entriesOf({ file, answers, parts }: Shelf): number {
  return (file?.entries.size ?? 0) + answers.length + parts.length
}

function tagsOf({ answers, parts }: Shelf): readonly string[] {
  const [first, ...others] = parts.length === 0 ? answers : [...answers, ...parts]
  if (first === undefined || others.length === 0) return first?.stored.names.tags ?? []
  return [...new Set([first, ...others].flatMap(({ stored }) => stored.names.tags))]
}

function sizeOf({ file, answers, parts }: Shelf, key: string): number {
  let bytes = key.length
  for (const entry of file?.entries.values() ?? []) bytes += entry.ready.body.length + ENTRY_BYTES
  for (const answer of answers) bytes += bytesOf(answer)
  for (const part of parts) bytes += bytesOfPart(part)
  return bytes
}
