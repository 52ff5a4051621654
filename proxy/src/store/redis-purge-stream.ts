import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { StoreUnavailable } from '../errors.ts'
import { fromFields, toFields, type PurgeStream, type SharedPurge, type StreamedPurge } from '../purge.ts'
import { parseObject } from './parse-object.ts'
import { redisOptions, type RedisStore } from './redis.ts'

const KEY = 'edge:purge:stream'
/** Some 10 MB of Redis's memory; a machine that was away for longer than this many purges drops everything. */
const MAX_LENGTH = 20_000
const PAGE = 100
/** How long Redis keeps a reader waiting, ms: less than after which a silent connection is given up. */
const BLOCK_MS = 1000
const CONNECT_MS = 1000

/**
 * Purges in a Redis Stream. They are written over the connection of the store, and read over one of its own, which is made
 * when somebody reads.
 */
export function createRedisPurgeStream(store: RedisStore, url: string): PurgeStream {
  let reader: Redis | undefined
  let tried: Promise<unknown> | undefined

  async function ask<Value>(run: (redis: Redis) => Promise<Value>): Promise<Value> {
    reader ??= createReader(url)
    // What fails is tried again by itself: among Sentinels without an end.
    tried ??= Promise.race([reader.connect().catch(() => {}), delay(CONNECT_MS, undefined, { ref: false })])
    await tried
    try {
      return await run(reader)
    } catch (error) {
      throw new StoreUnavailable(error instanceof Error ? error.message : 'unknown')
    }
  }

  return {
    async append(purges) {
      const results = await store.command(async (redis) => {
        const pipeline = redis.pipeline()
        for (const purge of purges) pipeline.xadd(KEY, 'MAXLEN', '~', MAX_LENGTH, '*', ...toEntry(purge))
        return pipeline.exec()
      })
      const failed = results?.find(([error]) => error !== null)?.[0]
      const place = results?.at(-1)?.[1]
      if (failed || typeof place !== 'string') throw new StoreUnavailable(failed?.message ?? 'nothing was written')
      return place
    },
    async read(place) {
      // From the place itself: it is there as long as nothing behind it can be missing.
      const [first, ...next] = await ask((redis) => redis.xrange(KEY, place, '+', 'COUNT', PAGE + 1))
      if (first?.[0] === place) return next.map(fromEntry)
      const [oldest] = await ask((redis) => redis.xrange(KEY, '-', '+', 'COUNT', 1))
      return oldest === undefined || isBehind(oldest[0], place) ? 'trimmed' : 'lost'
    },
    async wait(place) {
      await ask((redis) => redis.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', KEY, place))
    },
    close: () => reader?.disconnect(),
  }
}

function createReader(url: string): Redis {
  const options = { ...redisOptions(url), commandTimeout: 2 * BLOCK_MS, connectionName: 'blot-edge-purges' }
  const reader = new Redis(options)
  // Said already of the store's connection.
  reader.on('error', () => {})
  return reader
}

function toEntry({ writer, number, purge }: SharedPurge): string[] {
  return ['writer', writer, 'number', String(number), 'purge', JSON.stringify(toFields(purge))]
}

/** What another version wrote, and this one cannot read, purges everything. */
function fromEntry([place, fields]: [id: string, fields: string[]]): StreamedPurge {
  const [, writer = '', , number, , purge = ''] = fields
  return { place, writer, number: Number(number), purge: fromFields(parseObject(purge)) }
}

/** Is the first of two places, `<ms>-<count>`, behind the second? */
function isBehind(left: string, right: string): boolean {
  const [leftMs = 0, leftCount = 0] = left.split('-').map(Number)
  const [rightMs = 0, rightCount = 0] = right.split('-').map(Number)
  return leftMs === rightMs ? leftCount > rightCount : leftMs > rightMs
}
