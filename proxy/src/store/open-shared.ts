import { openRecords } from './open-records.ts'
import type { Store, StoreConfig } from './open.ts'
import { createRedisBudgets } from './redis-budgets.ts'
import { createRedisChanges } from './redis-changes.ts'
import { createRedisLocker } from './redis-locker.ts'
import { createRedisPermission } from './redis-permission.ts'
import { createRedisPurgeStream } from './redis-purge-stream.ts'
import { createRedisRecords } from './redis-records.ts'
import { createRedisSchedule } from './redis-schedule.ts'
import { createRedisVault } from './redis-vault.ts'
import { createRedisWebhooks } from './redis-webhooks.ts'
import { openRedis } from './redis.ts'
import type { Sealer } from './seal.ts'
import { createWebhookQueue } from './webhooks.ts'
import { QUEUE_LIMITS } from '../webhooks/limits.ts'

/** A machine that is gone holds up the webhooks of all others for so long. */
const LEAD_MS = 10_000

/** A store that machines share: all of it in Redis. */
export async function openShared(url: string, config: StoreConfig, sealer: Sealer): Promise<Store> {
  const redis = await openRedis(url)
  const changes = createRedisChanges(redis, config.host)
  return {
    vault: createRedisVault(redis, config.storePrefix, sealer),
    locker: createRedisLocker(redis),
    ...openRecords(createRedisRecords(redis), sealer),
    budgets: createRedisBudgets(redis),
    schedule: createRedisSchedule(redis),
    changes,
    permission: createRedisPermission(redis, config.host),
    purges: createRedisPurgeStream(redis, url),
    webhooks: createWebhookQueue(createRedisWebhooks(redis, QUEUE_LIMITS), createRedisLocker(redis, LEAD_MS), sealer),
    async close() {
      changes.close()
      await redis.close()
    },
  }
}
