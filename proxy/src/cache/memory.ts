import { LRUCache } from 'lru-cache'
import type { Coding } from '../static/coding.ts'
import type { ReadyBody } from './found.ts'

export type Entry = {
  readonly ready: ReadyBody
  /** The file that it was read from. */
  readonly path: string
  readonly identity: string
  checkedAtMs: number
}

/** What is kept under one key: an entry for each coding that was asked for. */
export type Shelf = {
  readonly host: string
  /** The codings that there are besides the original. */
  readonly codings: readonly Coding[]
  readonly entries: ReadonlyMap<Coding | undefined, Entry>
}

/** Answers in memory, bounded by bytes, least recently used out. */
export type Memory = {
  get(key: string): Shelf | undefined
  put(key: string, shelf: Shelf): void
  drop(key: string): void
  /** @returns how many entries the host had. */
  purge(host: string): number
  purgeAll(): number
  stats(): { entries: number; bytes: number }
}

/** What an entry costs besides its body and key: headers, objects, places in maps; in bytes, rounded up. */
const ENTRY_BYTES = 2048

export function createMemory(maxBytes: number): Memory {
  const keysOfHost = new Map<string, Set<string>>()
  let entries = 0
  const shelves = new LRUCache<string, Shelf>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: sizeOf,
    onInsert(shelf, key) {
      entries += shelf.entries.size
      const keys = keysOfHost.get(shelf.host)
      if (keys === undefined) keysOfHost.set(shelf.host, new Set([key]))
      else keys.add(key)
    },
    dispose(shelf, key) {
      entries -= shelf.entries.size
      const keys = keysOfHost.get(shelf.host)
      keys?.delete(key)
      if (keys?.size === 0) keysOfHost.delete(shelf.host)
    },
  })

  return {
    get: (key) => shelves.get(key),
    put(key, shelf) {
      shelves.set(key, shelf)
    },
    drop(key) {
      shelves.delete(key)
    },
    purge(host) {
      const before = entries
      for (const key of keysOfHost.get(host) ?? []) shelves.delete(key)
      return before - entries
    },
    purgeAll() {
      const before = entries
      shelves.clear()
      return before
    },
    stats: () => ({ entries, bytes: shelves.calculatedSize }),
  }
}

function sizeOf(shelf: Shelf, key: string): number {
  let bytes = key.length
  for (const entry of shelf.entries.values()) bytes += entry.ready.body.length + ENTRY_BYTES
  return bytes
}
