import { Redis } from 'ioredis'
import { StoreUnavailable } from '../errors.ts'
import { redisOptions } from './redis.ts'

export type RedisAnswer = { readonly tellsOfKeys: boolean; readonly isAppending: boolean | undefined }

/**
 * Connects, logs in and asks for one PONG within `limitMs`. `tellsOfKeys`: whether the server tells when a key is set or
 * removed (`notify-keyspace-events`), as far as it says. `isAppending`: whether it writes down each change (`appendonly`);
 * undefined where it does not say.
 * @throws EDGE_ERR_STORE_UNAVAILABLE with what Redis or the network said.
 */
export async function pingRedis(url: string, limitMs: number): Promise<RedisAnswer> {
  const redis = new Redis({
    ...redisOptions(url),
    commandTimeout: limitMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    enableReadyCheck: false,
  })
  let reason: string | undefined
  // `connect` and `ping` only say that the connection is closed; the first event says why.
  redis.on('error', (error: Error) => {
    reason ??= error.message
  })
  const deadline = setTimeout(() => {
    reason ??= `nothing within ${limitMs} ms`
    redis.disconnect()
  }, limitMs)
  try {
    await redis.connect()
    await redis.ping()
    // Who may not ask for the configuration is told of nothing.
    const [events = '', appendOnly] = await Promise.all(
      ['notify-keyspace-events', 'appendonly'].map((name) => readSetting(redis, name)),
    )
    return {
      tellsOfKeys: tellsOfKeys(events),
      isAppending: appendOnly === undefined ? undefined : appendOnly === 'yes',
    }
  } catch (error) {
    // No `cause`: ioredis hangs the command on its errors, and that of a refused log-in holds the password.
    throw new StoreUnavailable(reason ?? (error instanceof Error ? error.message : String(error)))
  } finally {
    clearTimeout(deadline)
    redis.disconnect()
  }
}

async function readSetting(redis: Redis, name: string): Promise<string | undefined> {
  const answer: unknown = await redis.config('GET', name).catch(() => undefined)
  return Array.isArray(answer) && answer.length === 2 ? String(answer[1]) : undefined
}

/** `K`: by key; `A`: of all events, or `g` and `$`: of removals, and of strings that are set. */
function tellsOfKeys(flags: string): boolean {
  return flags.includes('K') && (flags.includes('A') || (flags.includes('g') && flags.includes('$')))
}
