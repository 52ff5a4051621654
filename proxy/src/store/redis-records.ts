import { escapeGlob, scanKeys } from './redis-scan.ts'
import type { RedisStore } from './redis.ts'
import type { Records } from './records.ts'

/** KEYS: the record. ARGV: was there one before (1 or 0), the text before, the text after. @returns the text that is there then. */
const SWAP = `
local found = redis.call('get', KEYS[1])
if found and not (ARGV[1] == '1' and found == ARGV[2]) then return found end
redis.call('set', KEYS[1], ARGV[3])
return ARGV[3]`

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
      return String(await store.command((redis) => redis.eval(SWAP, 1, keyOf(key), isThere, before ?? '', after)))
    },
    async remove(key) {
      await store.command((redis) => redis.del(keyOf(key)))
    },
    list: (prefix) => scanRecords(store, keyOf(prefix)),
  }
}

async function* scanRecords(store: RedisStore, prefix: string): AsyncGenerator<{ key: string; text: string }> {
  for await (const keys of scanKeys(store, `${escapeGlob(prefix)}*`)) {
    const texts = await store.command((redis) => redis.mget(keys))
    for (const [index, key] of keys.entries()) {
      const text = texts[index]
      if (typeof text === 'string') yield { key: key.slice('edge:'.length), text }
    }
  }
}
