import type { RedisFacts } from '../../store/redis-facts.ts'
import { fail, ok, warn, type Diagnosis } from './diagnosis.ts'
import type { Machine } from './machine.ts'

const LIMIT_MS = 2000
/** Locks and purges are ordered by Redis, but what a machine writes down itself carries its own time. */
const SKEW_MS = 2000
const NEARLY_FULL = 0.9

/** Redis holds the certificates, the allow-list and the app's data: it must keep them. */
export async function examineRedis({ config: { store, webhookPaths = [] }, origins }: Machine): Promise<Diagnosis[]> {
  if (store?.kind !== 'redis') return []
  const subject = origins.find(({ variable }) => variable === 'EDGE_STORE')?.value ?? 'Redis'
  // Loaded here: with files as the store, no Redis client is needed.
  const { readRedisFacts } = await import('../../store/redis-facts.ts')
  try {
    return judgeRedis(subject, await readRedisFacts(store.url, LIMIT_MS), webhookPaths.length > 0)
  } catch {
    // That it cannot be reached is a fault of the configuration, and said there.
    return []
  }
}

/** @param keepsWebhooks whether webhooks are acknowledged for the app. */
export function judgeRedis(subject: string, facts: RedisFacts, keepsWebhooks: boolean): Diagnosis[] {
  const found = [persistence(subject, facts, keepsWebhooks), memory(subject, facts), clock(subject, facts)]
  if (facts.isReplica) {
    const mend = 'name the master in EDGE_STORE, or the Sentinels: redis+sentinel://…'
    found.push(fail(subject, 'is a replica', { why: 'it takes no certificate, lock or purge', mend }))
  }
  if (facts.isOpenToAll) {
    const mend = "bind 127.0.0.1 in redis.conf, or redis-cli config set requirepass '…'"
    const why = 'whoever reaches its port has every private key and can give himself any domain'
    found.push(fail(subject, 'listens on every address without a password', { why, mend }))
  }
  return found
}

function persistence(subject: string, facts: RedisFacts, keepsWebhooks: boolean): Diagnosis {
  const { isPersistent, isAppending, hasFailedToSave } = facts
  const why = 'at its next restart all certificates are gone, and the limits of the CA allow only so many new ones'
  if (hasFailedToSave) {
    return fail(subject, 'could not save the last time', { why, mend: 'see its log; df -h; then: redis-cli bgsave' })
  }
  if (isPersistent === undefined) return ok(subject, 'does not tell whether it saves')
  if (isPersistent && keepsWebhooks && !isAppending) {
    return warn(subject, 'writes snapshots alone (appendonly no)', {
      why: 'its crash loses what came since the last one: webhooks that were acknowledged, certificates, posts',
      mend: APPEND,
    })
  }
  if (isPersistent) return ok(subject, 'saves what it holds')
  return fail(subject, 'saves nothing', { why, mend: APPEND })
}

const APPEND = 'redis-cli config set appendonly yes && redis-cli config rewrite'

function memory(subject: string, facts: RedisFacts): Diagnosis {
  const { maxMemoryBytes, usedMemoryBytes, evictionPolicy } = facts
  if (maxMemoryBytes === 0) return ok(subject, 'has no bound of memory of its own')
  if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction') {
    return fail(subject, `removes keys when memory runs out (maxmemory-policy ${evictionPolicy})`, {
      why: 'those are certificates, domains and blogs',
      mend: 'redis-cli config set maxmemory-policy noeviction && redis-cli config rewrite',
    })
  }
  const used = usedMemoryBytes / maxMemoryBytes
  if (used < NEARLY_FULL) return ok(subject, `uses ${Math.round(used * 100)} % of its maxmemory`)
  return warn(subject, `uses ${Math.round(used * 100)} % of its maxmemory`, {
    why: 'when it is full, nothing is written any more: no certificate, no post',
    mend: 'redis-cli config set maxmemory …',
  })
}

function clock(subject: string, { clock: { theirsMs, oursMs } }: RedisFacts): Diagnosis {
  const skewMs = Math.abs(theirsMs - oursMs)
  if (skewMs <= SKEW_MS) return ok(subject, 'has the same time as this machine')
  return fail(subject, `has a clock that differs by ${(skewMs / 1000).toFixed(1)} s`, {
    why: 'renewals, purges and the ages of pages are judged by clocks that disagree',
    mend: 'timedatectl set-ntp true, on both machines',
  })
}
