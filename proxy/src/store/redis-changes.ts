import { edgeChannel } from '../events.ts'
import { parseChange } from './change.ts'
import { waitForTurn } from './turn.ts'
import type { Redis } from 'ioredis'
import type { Changes } from '../certificates/contracts.ts'
import type { ChangeListener } from './change.ts'
import type { RedisStore } from './redis.ts'

const CHANNEL = 'edge:changes'
/** A connection that only listens would never notice that its other end is gone. */
const PING_MS = 10_000
/** How long the connection for questions may come back later than this one. */
const BACK_MS = 10_000
const PAUSES = { firstMs: 20, mostMs: 500 }

/**
 * Changes over Redis's publish and subscribe, on a connection of its own. Where the server tells of changed keys
 * (`notify-keyspace-events` with `K$g`), what the app adds to its allow-list or removes from it is heard too.
 */
export function createRedisChanges(store: RedisStore, blotHost: string): Changes & { close(): void } {
  const listeners = new Set<ChangeListener>()
  let subscriber: { close(): void } | undefined
  const tell: ChangeListener = (change) => {
    for (const listener of listeners) listener(change)
  }
  return {
    async publish(change) {
      await store.command((redis) => redis.publish(CHANNEL, JSON.stringify(change)))
    },
    subscribe(listener) {
      listeners.add(listener)
      subscriber ??= openSubscriber(store, blotHost, tell)
      return () => listeners.delete(listener)
    },
    close: () => subscriber?.close(),
  }
}

function openSubscriber(store: RedisStore, blotHost: string, tell: ChangeListener): { close(): void } {
  const redis = store.connectListener()
  // Before it listens for the first time nothing can have been missed, unless that took more than one try.
  let missed = false
  redis.on('error', () => (missed = true))
  redis.on('close', () => (missed = true))
  redis.on('ready', () => {
    listen(redis, store).then(
      () => {
        if (missed) tell({ kind: 'all' })
        missed = false
      },
      (error: Error) =>
        edgeChannel('fault').publish({
          area: 'store',
          message: 'changes are not heard',
          error: new Error(error.message),
        }),
    )
  })
  redis.on('message', (_channel, text) => {
    const change = parseChange(text)
    if (change !== undefined) tell(change)
  })
  redis.on('pmessage', (_pattern, channel) => {
    const name = permittedName(channel, blotHost)
    if (name !== undefined) tell({ kind: 'permission', name })
  })
  const beat = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => redis.disconnect(true))
  }, PING_MS)
  beat.unref()
  return {
    close() {
      clearInterval(beat)
      redis.disconnect()
    },
  }
}

/** Resolves when it is heard what changes, and when those who hear it can ask. */
async function listen(redis: Redis, store: RedisStore): Promise<void> {
  await redis.subscribe(CHANNEL)
  const keyspace = `__keyspace@${redis.options.db ?? 0}__`
  // An account of limited rights may be refused these; what they tell is found out by asking again, too.
  await redis.psubscribe(`${keyspace}:domain:*`, `${keyspace}:handle:*`).catch(() => {})
  const isBack = (): Promise<true | undefined> =>
    store
      .command((other) => other.ping())
      .then(
        () => true,
        () => undefined,
      )
  await waitForTurn(isBack, PAUSES, AbortSignal.timeout(BACK_MS)).catch(() => {})
}

/** `__keyspace@0__:domain:example.com`. */
function permittedName(channel: string, blotHost: string): string | undefined {
  const [, kind, rest] = /^__keyspace@\d+__:(domain|handle):(.+)$/s.exec(channel) ?? []
  if (kind === undefined || rest === undefined) return undefined
  return kind === 'domain' ? rest : `${rest}.${blotHost}`
}
