import type { Redis } from 'ioredis'
import type { PendingPurges } from '../cache/purge.ts'

/** Waiting purges in the sorted set `flushCache:pending:<proxy>`: member host, score milliseconds. */
export function createPendingPurges(redis: Redis): PendingPurges {
  const keyOf = (proxy: string): string => `flushCache:pending:${proxy}`
  return {
    load: (proxy) => redis.zrange(keyOf(proxy), '0', '-1'),
    async keep(proxy, hosts) {
      const now = Date.now()
      await redis.zadd(keyOf(proxy), ...hosts.flatMap((host) => [String(now), host]))
    },
    async settle(proxy, hosts) {
      await redis.zrem(keyOf(proxy), ...hosts)
    },
  }
}
