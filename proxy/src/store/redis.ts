import { Redis } from 'ioredis'
import { StoreUnavailable } from '../errors.ts'
import { edgeChannel } from '../events.ts'

/** A command that takes longer fails: a handshake must not hang on the store. */
const COMMAND_MS = 250
const CONNECT_MS = 1_000
const MOST_RECONNECT_MS = 2_000

export type RedisStore = {
  /** Runs commands. Rejects with EDGE_ERR_STORE_UNAVAILABLE at once while there is no connection, or after 250 ms. */
  command<Value>(run: (redis: Redis) => Promise<Value>): Promise<Value>
  /** A connection of its own, which is being made, for who subscribes: it goes on trying for ever, and the caller closes it. */
  connectListener(): Redis
  close(): Promise<void>
}

/**
 * Connects, and goes on trying for ever; resolves after the first try, whatever came of it: an edge starts without
 * its store too. That the store went away is published as a fault, once until it is back.
 * @param url `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
 */
export async function openRedis(url: string): Promise<RedisStore> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_MS,
    connectTimeout: CONNECT_MS,
    // Its timer runs out even for a connection that is closed, and keeps an ending process alive.
    disconnectTimeout: COMMAND_MS,
    // The older protocol and no greetings: what every Redis since version 4 understands.
    protocol: 2,
    disableClientInfo: true,
    connectionName: 'blot-edge',
    retryStrategy: (tries) => Math.min(MOST_RECONNECT_MS, 50 * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 4),
  })
  let away = false
  redis.on('ready', () => {
    away = false
  })
  redis.on('error', (error) => {
    if (away) return
    away = true
    edgeChannel('fault').publish({ area: 'store', message: 'redis is away', error: plain(error) })
  })
  await redis.connect().catch(() => {
    // Published by the listener above; ioredis goes on trying.
  })
  return {
    async command(run) {
      try {
        return await run(redis)
      } catch (error) {
        throw new StoreUnavailable(plain(error).message)
      }
    },
    connectListener() {
      const listener = redis.duplicate({ connectionName: 'blot-edge-listener', autoResubscribe: false })
      // Said already of the other connection.
      listener.on('error', () => {})
      listener.connect().catch(() => {})
      return listener
    },
    async close() {
      redis.disconnect()
    },
  }
}

/** An error's message alone: ioredis hangs the command on it, arguments and all, a private key among them. */
function plain(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'unknown')
}

/** A text that stands for itself in the patterns of Redis. */
export function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`)
}
