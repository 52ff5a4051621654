import { setTimeout as delay } from 'node:timers/promises'
import { getCACertificates } from 'node:tls'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { parseSentinelUrl } from '../config/sentinel-url.ts'
import { StoreUnavailable } from '../errors.ts'
import { edgeChannel } from '../events.ts'

/** A command that takes longer fails: a handshake must not hang on the store. */
const COMMAND_MS = 250
const CONNECT_MS = 1_000
/** A connection on which nothing comes back is given up: the machine at its other end is gone without a word. */
const SILENT_MS = 2_000
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
 * @param url as EDGE_STORE has it: `redis://`, `rediss://` for TLS, `redis+sentinel://`.
 */
export async function openRedis(url: string): Promise<RedisStore> {
  const options = redisOptions(url)
  const redis = new Redis({ ...options, commandTimeout: SILENT_MS })
  let away = false
  redis.on('ready', () => {
    away = false
  })
  redis.on('error', (error) => {
    if (away) return
    away = true
    edgeChannel('fault').publish({ area: 'store', message: 'redis is away', error: plain(error) })
  })
  // What fails is published by the listener above, and ioredis goes on trying: among Sentinels without an end.
  await Promise.race([redis.connect().catch(() => {}), delay(CONNECT_MS, undefined, { ref: false })])
  return {
    async command(run) {
      try {
        return await inTime(run(redis))
      } catch (error) {
        throw new StoreUnavailable(plain(error).message)
      }
    },
    connectListener() {
      const listener = new Redis({ ...options, connectionName: 'blot-edge-listener', autoResubscribe: false })
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

/** Fails when there is no answer in time. One that came while this process was busy with other things is in time. */
function inTime<Value>(answer: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`not within ${COMMAND_MS} ms`))
    // Timers run before the event loop looks at its sockets.
    const timer = setTimeout(() => setImmediate(fail), COMMAND_MS)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** How to connect to what a URL names. */
export function redisOptions(url: string): Omit<RedisOptions, 'replyMapping'> {
  return {
    ...addressOf(url),
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_MS,
    socketTimeout: SILENT_MS,
    connectTimeout: CONNECT_MS,
    // Its timer runs out even for a connection that is closed, and keeps an ending process alive.
    disconnectTimeout: COMMAND_MS,
    // The older protocol and no greetings: what every Redis since version 5 understands.
    protocol: 2,
    disableClientInfo: true,
    connectionName: 'blot-edge',
    retryStrategy: pauseMs,
    sentinelRetryStrategy: pauseMs,
    sentinelCommandTimeout: COMMAND_MS,
    // A master that was replaced, and is a replica now: whoever is asked next knows the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  }
}

function addressOf(url: string): RedisOptions {
  const sentinel = parseSentinelUrl(url)
  if (sentinel !== undefined) {
    const { sentinels, master: name, database: db, username, password } = sentinel
    return { sentinels: [...sentinels], name, db, ...credentials(username, password) }
  }
  const { protocol, hostname, port, pathname, username, password } = new URL(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...credentials(decodeURIComponent(username), decodeURIComponent(password)),
    // Operators sign their own servers: what this machine trusts counts, beside what Node brings along.
    ...(protocol === 'rediss:' && { tls: { ca: [...getCACertificates('default'), ...getCACertificates('system')] } }),
  }
}

/** Without a name of a user it is the password of all (`requirepass`). */
function credentials(username: string | undefined, password: string | undefined): RedisOptions {
  return { ...(username && { username }), ...(password && { password }) }
}

function pauseMs(tries: number): number {
  return Math.min(MOST_RECONNECT_MS, 50 * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 4)
}

/** An error's message alone: ioredis hangs the command on it, arguments and all, a private key among them. */
function plain(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'unknown')
}
