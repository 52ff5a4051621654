import { setImmediate } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Purge } from '../purge.ts'
import type { Coding } from '../static/coding.ts'
import type { ReadyBody } from './found.ts'
import { createKeyIndex, type KeyIndex } from './key-index.ts'

export type Entry = {
  readonly ready: ReadyBody
  /** The file that it was read from. */
  readonly path: string
  readonly identity: string
  checkedAtMs: number
}

/** What is kept under one key: an entry for each coding that was asked for. */
export type Shelf = {
  /** The codings that there are besides the original. */
  readonly codings: readonly Coding[]
  readonly entries: ReadonlyMap<Coding | undefined, Entry>
}

/** Answers in memory, bounded by bytes, least recently used out. */
export type Memory = {
  get(key: string): Shelf | undefined
  put(key: string, shelf: Shelf): void
  drop(key: string): void
  /**
   * Drops what a purge names; many entries a few at a time, for visitors to be answered meanwhile.
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

export function createMemory(maxBytes: number): Memory {
  let tier = createTier(maxBytes)
  return {
    get: (key) => tier.shelves.get(key),
    put(key, shelf) {
      tier.shelves.set(key, shelf)
    },
    drop(key) {
      tier.shelves.delete(key)
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
      tier.entries += shelf.entries.size
      index.add(key, [])
    },
    dispose(shelf, key) {
      tier.entries -= shelf.entries.size
      index.delete(key, [])
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
      const { entries } = tier
      tier.shelves.delete(key)
      count += entries - tier.entries
      if (++dropped % SLICE !== 0 || performance.now() - startedMs < SLICE_MS) continue
      await setImmediate()
      startedMs = performance.now()
    }
    counts.push(count)
  }
  return counts
}

function sizeOf(shelf: Shelf, key: string): number {
  let bytes = key.length
  for (const entry of shelf.entries.values()) bytes += entry.ready.body.length + ENTRY_BYTES
  return bytes
}
