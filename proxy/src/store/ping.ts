import { Redis } from 'ioredis'
import { StoreUnavailable } from '../errors.ts'
import { redisOptions } from './redis.ts'

/**
 * Connects, logs in and asks for one PONG within `limitMs`. `tellsOfKeys`: whether the server tells when a key is set or
 * removed (`notify-keyspace-events`), as far as it says.
 * @throws EDGE_ERR_STORE_UNAVAILABLE with what Redis or the network said.
 */
export async function pingRedis(url: string, limitMs: number): Promise<{ tellsOfKeys: boolean }> {
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
    const answer = await redis.config('GET', 'notify-keyspace-events').catch(() => [])
    return { tellsOfKeys: tellsOfKeys(answer) }
  } catch (error) {
    // No `cause`: ioredis hangs the command on its errors, and that of a refused log-in holds the password.
    throw new StoreUnavailable(reason ?? (error instanceof Error ? error.message : String(error)))
  } finally {
    clearTimeout(deadline)
    redis.disconnect()
  }
}

/** `K`: by key; `A`: of all events, or `g` and `$`: of removals, and of strings that are set. */
function tellsOfKeys(answer: unknown): boolean {
  const flags = Array.isArray(answer) ? String(answer[1]) : ''
  return flags.includes('K') && (flags.includes('A') || (flags.includes('g') && flags.includes('$')))
}
