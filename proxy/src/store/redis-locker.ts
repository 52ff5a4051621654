import { randomBytes } from 'node:crypto'
import { edgeChannel } from '../events.ts'
import { waitForTurn } from './turn.ts'
import type { Locker } from '../certificates/contracts.ts'
import type { RedisStore } from './redis.ts'

/** How long a lock outlives a holder that was killed. */
const LOCK_MS = 30_000
const PAUSES = { firstMs: 50, mostMs: 500 }

/** Only who holds the token may extend or release: the lock may have passed on meanwhile. */
const EXTEND = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`

/** Locks among all machines that share a Redis, under `edge:lock:<name>`. */
export function createRedisLocker(store: RedisStore, lockMs: number = LOCK_MS): Locker {
  return {
    async acquire(name, signal) {
      const key = `edge:lock:${name}`
      const token = randomBytes(16).toString('hex')
      try {
        await waitForTurn(() => take(store, key, token, lockMs), PAUSES, signal)
      } catch (error) {
        // The answer may be what got lost, and the lock be ours.
        await release(store, key, token)
        throw error
      }
      const beat = setInterval(() => void extend(store, key, token, lockMs), lockMs / 3)
      beat.unref()
      return {
        fence: 0,
        lost: new AbortController().signal,
        async release() {
          clearInterval(beat)
          await release(store, key, token)
        },
      }
    },
  }
}

async function take(store: RedisStore, key: string, token: string, lockMs: number): Promise<true | undefined> {
  const answer = await store.command((redis) => redis.set(key, token, 'PX', lockMs, 'NX'))
  return answer === 'OK' ? true : undefined
}

async function extend(store: RedisStore, key: string, token: string, lockMs: number): Promise<void> {
  try {
    if ((await store.command((redis) => redis.eval(EXTEND, 1, key, token, lockMs))) === 1) return
    edgeChannel('fault').publish({ area: 'store', message: 'lock was lost', error: undefined, name: key })
  } catch {
    // Redis is away, which was published; the next beat comes while the lock still holds.
  }
}

/** Never rejects: a lock that cannot be released ends by itself. */
async function release(store: RedisStore, key: string, token: string): Promise<void> {
  await store.command((redis) => redis.eval(RELEASE, 1, key, token)).catch(() => {})
}
