import type { Purge } from '../purge.ts'
import { createSortedKeys } from './sorted-keys.ts'

/** Finds the entries that a purge names without looking at the others. Keys are `scheme://host/target`. */
export type KeyIndex = {
  add(key: string, tags: readonly string[]): void
  /** @param tags the same as when it was added. */
  delete(key: string, tags: readonly string[]): void
  /** Keys by name, in the order of `hosts`, `urls`, `prefixes`, `tags`. An entry may be dropped while they are walked. */
  find(purge: Purge): Iterable<Iterable<string>>
}

const SCHEMES = ['http:', 'https:'] as const
/** Keys that are looked up at once. */
const PAGE = 256

export function createKeyIndex(): KeyIndex {
  const sorted = createSortedKeys()
  const keysOfTag = new Map<string, Set<string>>()

  function* below(path: string): Generator<string, void> {
    for (const scheme of SCHEMES) {
      const prefix = scheme + path
      for (let page = sorted.page(prefix, undefined, PAGE); page.length > 0;) {
        yield* page
        page = page.length < PAGE ? [] : sorted.page(prefix, page.at(-1), PAGE)
      }
    }
  }

  function* exactly(path: string): Generator<string, void> {
    for (const scheme of SCHEMES) if (sorted.has(scheme + path)) yield scheme + path
  }

  /** Not what is tagged meanwhile: it is newer than the purge. */
  function* tagged(tag: string): Generator<string, void> {
    const keys = keysOfTag.get(tag)
    let left = keys?.size ?? 0
    for (const key of keys ?? []) {
      if (left-- === 0) return
      yield key
    }
  }

  return {
    add(key, tags) {
      sorted.add(key)
      for (const tag of tags) {
        const keys = keysOfTag.get(tag)
        if (keys === undefined) keysOfTag.set(tag, new Set([key]))
        else keys.add(key)
      }
    },
    delete(key, tags) {
      sorted.delete(key)
      for (const tag of tags) {
        const keys = keysOfTag.get(tag)
        keys?.delete(key)
        if (keys?.size === 0) keysOfTag.delete(tag)
      }
    },
    *find({ hosts, urls, prefixes, tags }) {
      for (const host of hosts) yield below(`//${host}/`)
      for (const url of urls) yield exactly(url)
      for (const prefix of prefixes) yield below(prefix)
      for (const tag of tags) yield tagged(tag)
    },
  }
}
