import type { RedisStore } from './redis.ts'

const COUNT = '500'

/**
 * The keys that a glob pattern fits, page by page and each of them once: SCAN by itself gives some twice. What is set or
 * removed meanwhile is there or not.
 */
export async function* scanKeys(store: RedisStore, pattern: string): AsyncGenerator<string[]> {
  const seen = new Set<string>()
  let cursor = '0'
  do {
    const [next, keys] = await store.command((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', COUNT))
    const page = keys.filter((key) => !seen.has(key))
    for (const key of page) seen.add(key)
    if (page.length > 0) yield page
    cursor = next
  } while (cursor !== '0')
}

/** A text that stands for itself in such a pattern. */
export function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`)
}
