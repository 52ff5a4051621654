import { Redis } from 'ioredis'
import type { Address } from '../config.ts'
import type { Log } from '../log.ts'

const longestPauseMs = 5000
const commandLimitMs = 5000

/** A connection that comes back by itself. Without it commands fail at once: the app serves on without Redis. */
export function connectRedis({ host, port }: Address, log: Log): Redis {
  const redis = new Redis({
    host,
    port,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandLimitMs,
    retryStrategy: (attempt) => Math.min(attempt * 100, longestPauseMs),
  })
  let isDown = false
  redis.on('error', (error) => {
    // One line for an outage, not one for every attempt.
    if (!isDown) log.warn({ err: error }, 'redis unreachable')
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) log.info('redis back')
    isDown = false
  })
  return redis
}
