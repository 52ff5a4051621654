import { randomBytes } from 'node:crypto'
import { StoreFenced } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { waitForTurn } from './turn.ts'
import type { Locker } from '../certificates/contracts.ts'
import type { RedisStore } from './redis.ts'

/** How long a lock outlives a holder that was killed. */
const LOCK_MS = 30_000
/** How long a fence is kept: far longer than any holder that sleeps. */
const FENCE_MS = 7 * 24 * 3600_000
const PAUSES = { firstMs: 50, mostMs: 500 }

/**
 * KEYS: lock, fence. ARGV: token, ms of the lock, ms of the fence. @returns the fence, or nothing while somebody holds the lock.
 * At least the time in microseconds: a Redis that lost the fence of before gives a greater one all the same.
 */
const ACQUIRE = `
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('time')
local fence = math.max(time[1] * 1000000 + time[2], (tonumber(redis.call('get', KEYS[2])) or 0) + 1)
redis.call('set', KEYS[2], string.format('%.0f', fence), 'PX', ARGV[3])
return fence`

/** Only who holds the token may extend or release: the lock may have passed on meanwhile. */
const EXTEND = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

/** Where the fence of a lock is: the last one that was given. */
export function fenceKey(name: string): string {
  return `edge:fence:${name}`
}

/** Locks among all machines that share a Redis, under `edge:lock:<name>`. */
export function createRedisLocker(store: RedisStore, lockMs: number = LOCK_MS): Locker {
  return {
    async acquire(name, signal) {
      const key = `edge:lock:${name}`
      const token = randomBytes(16).toString('hex')
      const take = async (): Promise<number | undefined> => {
        const args = [key, fenceKey(name), token, lockMs, FENCE_MS]
        const fence = await store.command((redis) => redis.eval(ACQUIRE, 2, ...args))
        return typeof fence === 'number' ? fence : undefined
      }
      // Where that fails, the answer may be what got lost, and the lock be ours.
      const fence = await waitForTurn(take, PAUSES, signal).catch(async (error: unknown) => {
        await release(store, key, token)
        throw error
      })
      const held = hold(store, { name, key, token, lockMs })
      return {
        fence,
        lost: held.lost,
        async release() {
          held.end()
          await release(store, key, token)
        },
      }
    },
  }
}

type Holding = { readonly name: string; readonly key: string; readonly token: string; readonly lockMs: number }

/** Extends the lock until it ends, or is lost. */
function hold(store: RedisStore, { name, key, token, lockMs }: Holding): { lost: AbortSignal; end(): void } {
  const lost = new AbortController()
  let extendedAtMs = performance.now()
  let ended = false
  const beat = setInterval(() => void extend(), lockMs / 3)
  beat.unref()

  function end(): void {
    ended = true
    clearInterval(beat)
  }

  function lose(): void {
    if (ended) return
    end()
    const error = new StoreFenced(name)
    edgeChannel('fault').publish({ area: 'store', message: 'lock was lost', error, name })
    lost.abort(error)
  }

  async function extend(): Promise<void> {
    const sentAtMs = performance.now()
    try {
      if ((await store.command((redis) => redis.eval(EXTEND, 1, key, token, lockMs))) !== 1) return lose()
      extendedAtMs = sentAtMs
    } catch {
      // Redis is away, which was published; the lock still holds for a while.
      if (performance.now() - extendedAtMs >= lockMs) lose()
    }
  }

  return { lost: lost.signal, end }
}

/** Never rejects: a lock that cannot be released ends by itself. */
async function release(store: RedisStore, key: string, token: string): Promise<void> {
  await store.command((redis) => redis.eval(RELEASE, 1, key, token)).catch(() => {})
}
