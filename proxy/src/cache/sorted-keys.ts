/** A set of texts in the order of their code units: those with one beginning lie side by side. */
export type SortedKeys = {
  add(key: string): void
  delete(key: string): void
  has(key: string): boolean
  /** At most `limit` keys that begin with `prefix`, in order; with `after`, those behind it. */
  page(prefix: string, after: string | undefined, limit: number): string[]
}

/** Keys that lie in one array. Adding moves half of one at most: 4 KB. */
const CHUNK = 1024

/** Arrays of limited length, one behind the other; a million keys make about two thousand of them. */
export function createSortedKeys(): SortedKeys {
  const chunks: string[][] = []

  /** The chunk where `key` is or belongs, and its place in there. */
  function locate(key: string): { index: number; chunk: string[]; place: number } | undefined {
    const index = Math.max(0, countUntil(chunks.length, (at) => (chunks[at]?.[0] ?? '') <= key) - 1)
    const chunk = chunks[index]
    if (chunk === undefined) return undefined
    return { index, chunk, place: countUntil(chunk.length, (at) => (chunk[at] ?? '') < key) }
  }

  return {
    add(key) {
      const found = locate(key)
      if (found === undefined) {
        chunks.push([key])
        return
      }
      const { index, chunk, place } = found
      if (chunk[place] === key) return
      chunk.splice(place, 0, key)
      if (chunk.length > CHUNK) chunks.splice(index + 1, 0, chunk.splice(CHUNK / 2))
    },
    delete(key) {
      const found = locate(key)
      if (found === undefined || found.chunk[found.place] !== key) return
      found.chunk.splice(found.place, 1)
      if (found.chunk.length === 0) chunks.splice(found.index, 1)
    },
    has(key) {
      const found = locate(key)
      return found !== undefined && found.chunk[found.place] === key
    },
    page(prefix, after, limit) {
      const keys: string[] = []
      const found = locate(after ?? prefix)
      if (found === undefined) return keys
      let { index, place } = found
      if (after !== undefined && found.chunk[place] === after) place += 1
      for (; index < chunks.length; index += 1, place = 0) {
        const chunk = chunks[index] ?? []
        for (; place < chunk.length; place += 1) {
          const key = chunk[place] ?? ''
          if (keys.length === limit || !key.startsWith(prefix)) return keys
          keys.push(key)
        }
      }
      return keys
    },
  }
}

/** How many of the first indexes pass a test that some of them pass, and none behind the first that fails. */
function countUntil(length: number, test: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (test(middle)) low = middle + 1
    else high = middle
  }
  return low
}
