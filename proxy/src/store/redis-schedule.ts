import type { Schedule } from '../certificates/contracts.ts'
import type { RedisStore } from './redis.ts'

const KEY = 'edge:due'

/** One sorted set: names by the time they are due, ms since the epoch. */
export function createRedisSchedule(store: RedisStore): Schedule {
  return {
    async set(name, dueAtMs) {
      await store.command((redis) => redis.zadd(KEY, Math.round(dueAtMs), name))
    },
    async remove(name) {
      await store.command((redis) => redis.zrem(KEY, name))
    },
    due: (nowMs, limit) => store.command((redis) => redis.zrangebyscore(KEY, '-inf', nowMs, 'LIMIT', 0, limit)),
    async dueAtMs(name) {
      const score = await store.command((redis) => redis.zscore(KEY, name))
      return score === null ? undefined : Number(score)
    },
    size: () => store.command((redis) => redis.zcard(KEY)),
  }
}
