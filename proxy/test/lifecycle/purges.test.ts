import { Redis } from 'ioredis'
import { appendFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Channel } from '../../src/lifecycle/channel.ts'
import { openPurgeManager } from '../../src/lifecycle/purges.ts'
import { fromFields, namesOf, type PurgeFields } from '../../src/purge.ts'
import { createRedisPurgeStream } from '../../src/store/redis-purge-stream.ts'
import { openRedis } from '../../src/store/redis.ts'
import { pollUntil } from '../until.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { freePort, startRedis } from '../store/redis-server.ts'
import { startRelay } from '../store/relay.ts'

const KEY = 'edge:purge:stream'

/** One machine: its manager as it is, and a worker that only remembers what it applied. */
async function startMachine(t: Test, directory: string, url: string) {
  const applied: string[] = []
  const channel = {
    call(_to: string, _kind: string, { purges }: { purges: readonly PurgeFields[] }) {
      const named = purges.map((purge) => namesOf(fromFields(purge)))
      applied.push(...named.flat())
      return Promise.resolve([named.map((names) => names.map(() => 1))])
    },
  }
  const store = await openRedis(url)
  const stream = createRedisPurgeStream(store, url)
  const manager = await openPurgeManager({ dataDirectory: directory }, stream, channel as unknown as Channel)
  let isOpen = true
  const stop = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await manager.close()
    await store.close()
  }
  t.teardown(stop)
  return {
    applied,
    stop,
    away: manager.away,
    purge: async (tag: string) => manager.purge(fromFields({ tags: [tag] })),
    /** Waits until it has applied this. */
    has: async (name: string) => pollUntil(() => applied.includes(name)),
  }
}

async function startServer(t: Test, folder: string, port?: number) {
  const server = await startRedis(folder, port === undefined ? {} : { port })
  t.teardown(() => server.stop())
  return server
}

const count = (names: readonly string[], name: string): number => names.filter((one) => one === name).length

await t.test('every machine applies the purges of all, its own only once', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const { url } = await startServer(t, redisFolder)
  const a = await startMachine(t, first, url)
  const b = await startMachine(t, second, url)
  await Promise.all([a.has('everything'), b.has('everything')])
  t.same(await a.purge('one'), { counts: [1], pending: false })
  await b.purge('two')
  await Promise.all([a.has('tag two'), b.has('tag one')])
  await a.purge('last')
  await b.has('tag last')
  await pollUntil(() => a.away().length + b.away().length === 0)
  t.same(a.applied, ['everything', 'tag one', 'tag two', 'tag last'], 'a machine that joins begins with nothing')
  t.same(b.applied.toSorted(), ['everything', 'tag last', 'tag one', 'tag two'])
})

await t.test('a machine that was away reads what it missed', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const { url } = await startServer(t, redisFolder)
  const a = await startMachine(t, first, url)
  const b = await startMachine(t, second, url)
  await Promise.all([a.has('everything'), b.has('everything')])
  await b.stop()
  for (let index = 0; index < 300; index += 1) await a.purge(`t${index}`)
  const again = await startMachine(t, second, url)
  await again.has('tag t299')
  t.same(
    again.applied,
    Array.from({ length: 300 }, (_, index) => `tag t${index}`),
  )
})

await t.test('if the stream no longer reaches back that far, everything is dropped', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const { url } = await startServer(t, redisFolder)
  const a = await startMachine(t, first, url)
  const b = await startMachine(t, second, url)
  await Promise.all([a.has('everything'), b.has('everything')])
  await b.stop()
  for (let index = 0; index < 10; index += 1) await a.purge(`t${index}`)
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  await redis.xtrim(KEY, 'MAXLEN', 3)
  const again = await startMachine(t, second, url)
  await again.has('everything')
  await a.purge('later')
  await again.has('tag later')
  t.same(again.applied, ['everything', 'tag later'])
})

await t.test('with Redis away purges are applied, answered as pending, and sent when it is back', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const server = await startServer(t, redisFolder)
  const relay = await startRelay(t, server.port)
  const a = await startMachine(t, first, `redis://127.0.0.1:${relay.port}`)
  const b = await startMachine(t, second, server.url)
  await Promise.all([a.has('everything'), b.has('everything')])
  relay.cut()
  for (const tag of ['one', 'two', 'three']) t.same(await a.purge(tag), { counts: [1], pending: true })
  t.same(a.applied.slice(1), ['tag one', 'tag two', 'tag three'])
  t.match(a.away(), [/^3 purges have yet to reach the store/])
  await b.purge('four')
  await a.stop()
  const again = await startMachine(t, first, `redis://127.0.0.1:${relay.port}`)
  await again.purge('five')
  relay.mend()
  await Promise.all([again.has('tag four'), ...['one', 'two', 'three', 'five'].map((tag) => b.has(`tag ${tag}`))])
  await pollUntil(() => again.away().length === 0)
  t.same(again.applied.toSorted(), ['tag five', 'tag four'], 'its own only once, and what it has read not again')
  t.same(b.applied, ['everything', 'tag four', 'tag one', 'tag two', 'tag three', 'tag five'])
})

await t.test('a Redis that comes back empty: all drop everything, and go on', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const server = await startServer(t, redisFolder)
  const a = await startMachine(t, first, server.url)
  const b = await startMachine(t, second, server.url)
  await Promise.all([a.has('everything'), b.has('everything')])
  await server.stop()
  t.match(await a.purge('one'), { pending: true })
  await startServer(t, redisFolder, server.port)
  await pollUntil(() => [a, b].every(({ applied }) => count(applied, 'everything') === 2))
  await pollUntil(() => a.away().length === 0)
  t.equal(count(a.applied, 'tag one'), 1)
  t.same(await a.purge('two'), { counts: [1], pending: false })
  await b.has('tag two')
})

await t.test('a machine that starts without Redis serves, and keeps what it has to tell', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const port = await freePort()
  const a = await startMachine(t, first, `redis://127.0.0.1:${port}`)
  t.match(await a.purge('early'), { pending: true })
  await a.stop()
  const again = await startMachine(t, first, `redis://127.0.0.1:${port}`)
  const { url } = await startServer(t, redisFolder, port)
  const b = await startMachine(t, second, url)
  await again.has('everything')
  await pollUntil(() => again.away().length === 0)
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  t.match(JSON.stringify(await redis.xrange(KEY, '-', '+')), 'early', 'it is in the stream')
  await b.has('everything')
})

await t.test('a store that fell back to an older state: all drop everything, also who cannot know', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const { url } = await startServer(t, redisFolder)
  const a = await startMachine(t, first, url)
  const b = await startMachine(t, second, url)
  await Promise.all([a.has('everything'), b.has('everything')])
  await a.purge('both know')
  await b.has('tag both know')
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  const state = await redis.dumpBuffer(KEY)
  await b.stop()
  await a.purge('lost')
  await pollUntil(() => a.away().length === 0)
  // As a replica is that had not heard of the last purge when it became the master.
  await redis.restore(KEY, 0, state ?? '', 'REPLACE')
  await pollUntil(() => count(a.applied, 'everything') === 2)
  const again = await startMachine(t, second, url)
  await again.has('everything')
  t.pass('b was told by a')
})

await t.test('a damaged journal costs the cache, and no purge', async (t) => {
  const [redisFolder, first, second] = [temporaryDirectory(t), temporaryDirectory(t), temporaryDirectory(t)]
  const server = await startServer(t, redisFolder)
  const relay = await startRelay(t, server.port)
  const a = await startMachine(t, first, `redis://127.0.0.1:${relay.port}`)
  const b = await startMachine(t, second, server.url)
  await Promise.all([a.has('everything'), b.has('everything')])
  relay.cut()
  await a.purge('one')
  await a.stop()
  const segment = readdirSync(join(first, 'purges')).find((name) => name.endsWith('.purges')) ?? ''
  appendFileSync(join(first, 'purges', segment), 'x\n')
  relay.mend()
  await startMachine(t, first, `redis://127.0.0.1:${relay.port}`)
  await pollUntil(() => count(b.applied, 'everything') === 2)
  t.pass('whatever was lost, the others drop it')
})
