import { escapeGlob } from './redis.ts'
import type { RedisStore } from './redis.ts'
import type { Records } from './records.ts'

const SCAN_COUNT = '500'

/** KEYS: the record. ARGV: was there one before (1 or 0), the text before, the text after. @returns the text that is there then. */
const SWAP = `
local found = redis.call('get', KEYS[1])
if (found and ARGV[1] == '1' and found == ARGV[2]) or (not found and ARGV[1] == '0') then
  redis.call('set', KEYS[1], ARGV[3])
  return ARGV[3]
end
return found`

/** Records under `edge:<key>`. */
export function createRedisRecords(store: RedisStore): Records {
  const keyOf = (key: string): string => `edge:${key}`
  return {
    read: async (key) => (await store.command((redis) => redis.get(keyOf(key)))) ?? undefined,
    async write(key, text, ttlMs) {
      await store.command((redis) => redis.set(keyOf(key), text, 'PX', Math.max(1, Math.ceil(ttlMs))))
    },
    async swap(key, before, after) {
      const isThere = before === undefined ? 0 : 1
      const found = await store.command((redis) => redis.eval(SWAP, 1, keyOf(key), isThere, before ?? '', after))
      // Nothing: what was there before was removed meanwhile, and nobody put anything in its place.
      return typeof found === 'string' ? found : this.swap(key, undefined, after)
    },
    async remove(key) {
      await store.command((redis) => redis.del(keyOf(key)))
    },
    list: (prefix) => scanRecords(store, keyOf(prefix)),
  }
}

async function* scanRecords(store: RedisStore, prefix: string): ReturnType<Records['list']> & AsyncGenerator {
  const pattern = `${escapeGlob(prefix)}*`
  // SCAN may give a key more than once.
  const seen = new Set<string>()
  let cursor = '0'
  do {
    const [next, found] = await store.command((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT))
    const keys = found.filter((key) => !seen.has(key))
    const texts = keys.length === 0 ? [] : await store.command((redis) => redis.mget(keys))
    for (const [index, key] of keys.entries()) {
      const text = texts[index]
      seen.add(key)
      if (typeof text === 'string') yield { key: key.slice('edge:'.length), text }
    }
    cursor = next
  } while (cursor !== '0')
}
