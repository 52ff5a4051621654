import { randomBytes } from 'node:crypto'
import type { Budgets, Charge, Exhausted } from '../certificates/contracts.ts'
import type { RedisStore } from './redis.ts'

/**
 * Asks every charge, then takes all or none. By Redis's own clock, so that no machine's has a say.
 * KEYS: for each charge what was taken (a sorted set of times, ms) and why it is shut. ARGV: a name for what is taken, or
 * nothing to look only; for each charge its limit and its window, ms.
 * @returns nothing, or which charge (from 1) stands in the way, for how many ms, and the reason it is shut for.
 */
const TAKE = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS / 2 do
  local taken, shut = KEYS[2 * i - 1], KEYS[2 * i]
  local limit, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local left = redis.call('pttl', shut)
  if left > 0 then return { i, left, redis.call('get', shut) } end
  if limit <= 0 then return { i, window, '' } end
  if redis.call('zcount', taken, '(' .. string.format('%.0f', now - window), '+inf') >= limit then
    local oldest = redis.call('zrevrange', taken, limit - 1, limit - 1, 'withscores')
    return { i, oldest[2] + window - now, '' }
  end
end
if ARGV[1] == '' then return false end
for i = 1, #KEYS / 2 do
  local taken, window = KEYS[2 * i - 1], ARGV[2 * i + 1]
  redis.call('zremrangebyscore', taken, '-inf', string.format('%.0f', now - window))
  redis.call('zadd', taken, string.format('%.0f', now), ARGV[1] .. ':' .. i)
  redis.call('pexpire', taken, window)
end
return false`

const GIVE_BACK = `for i = 1, #KEYS do redis.call('zremrangebyrank', KEYS[i], -1, -1) end return 1`

/** A shorter closure does not end a longer one. */
const SHUT = `
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[2]) then redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`

/** The hash tag puts all budgets into one slot of a Redis Cluster: they are taken together. */
const PREFIX = 'edge:{budget}'

export function createRedisBudgets(store: RedisStore): Budgets {
  async function ask(charges: readonly Charge[], name: string): Promise<Exhausted | undefined> {
    if (charges.length === 0) return undefined
    const keys = charges.flatMap(({ scope }) => [`${PREFIX}:taken:${scope}`, `${PREFIX}:shut:${scope}`])
    const terms = charges.flatMap(({ limit, windowMs }) => [limit, Math.ceil(windowMs)])
    const answer = await store.command((redis) => redis.eval(TAKE, keys.length, ...keys, name, ...terms))
    if (!Array.isArray(answer)) return undefined
    const [index, leftMs, reason] = answer as [number, number, string]
    return { scope: charges[index - 1]?.scope ?? '', untilMs: Date.now() + leftMs, reason: reason || 'used up' }
  }
  return {
    take: (charges) => ask(charges, randomBytes(12).toString('hex')),
    look: (charges) => ask(charges, ''),
    async giveBack(charges) {
      const keys = charges.map(({ scope }) => `${PREFIX}:taken:${scope}`)
      await store.command((redis) => redis.eval(GIVE_BACK, keys.length, ...keys))
    },
    async shut(scope, untilMs, reason) {
      const ttlMs = Math.ceil(untilMs - Date.now())
      if (ttlMs <= 0) return
      await store.command((redis) => redis.eval(SHUT, 1, `${PREFIX}:shut:${scope}`, reason, ttlMs))
    },
  }
}
