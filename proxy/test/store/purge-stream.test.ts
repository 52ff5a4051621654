import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { fromFields, NOTHING, type SharedPurge, type StreamedPurge } from '../../src/purge.ts'
import { createRedisPurgeStream } from '../../src/store/redis-purge-stream.ts'
import { openRedis } from '../../src/store/redis.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'

const KEY = 'edge:purge:stream'
const purgeOf = (number: number, tag = `t${number}`): SharedPurge => ({
  writer: 'me',
  number,
  purge: fromFields({ tags: [tag], soft: true }),
})

async function openStream(t: Test) {
  const server = await startRedis(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  const stream = createRedisPurgeStream(store, server.url)
  const redis = new Redis(server.url)
  t.teardown(async () => {
    stream.close()
    redis.disconnect()
    await store.close()
  })
  return { stream, redis }
}

const numbersOf = (page: readonly StreamedPurge[] | string): number[] | string =>
  typeof page === 'string' ? page : page.map(({ number }) => number)

await t.test('what one appends, all read behind their own place', async (t) => {
  const { stream } = await openStream(t)
  const begin = await stream.append([{ writer: 'me', number: 0, purge: NOTHING }])
  t.same(await stream.read(begin), [])
  const purges = Array.from({ length: 250 }, (_, index) => purgeOf(index + 1))
  const end = await stream.append(purges)
  let place = begin
  const read: StreamedPurge[] = []
  for (;;) {
    const page = await stream.read(place)
    if (typeof page === 'string' || page.length === 0) break
    read.push(...page)
    place = page.at(-1)?.place ?? place
  }
  t.equal(place, end)
  t.same(
    read.map(({ writer, number, purge }) => ({ writer, number, purge })),
    purges,
  )
  const waiting = stream.wait(end)
  await stream.append([purgeOf(251)])
  await waiting
  t.same(numbersOf(await stream.read(end)), [251])
})

await t.test('a place that is gone is told apart: trimmed, or forgotten by the store', async (t) => {
  const { stream, redis } = await openStream(t)
  const place = await stream.append([purgeOf(1)])
  await stream.append([purgeOf(2), purgeOf(3)])
  await redis.xtrim(KEY, 'MAXLEN', 1)
  t.equal(await stream.read(place), 'trimmed')
  await redis.del(KEY)
  t.equal(await stream.read(place), 'trimmed', 'empty: whoever comes back finds nothing either')
  await redis.xadd(KEY, '1-1', 'writer', 'x', 'number', '1', 'purge', '{}')
  t.equal(await stream.read(place), 'lost', 'a replica that was behind: others may still find their place')
})

await t.test('the stream is bounded', async (t) => {
  const { stream, redis } = await openStream(t)
  const many = Array.from({ length: 1000 }, (_, index) => purgeOf(index))
  for (let round = 0; round < 25; round += 1) await stream.append(many)
  t.ok((await redis.xlen(KEY)) < 21_000)
})

await t.test('what another version wrote and nobody understands is a purge of everything', async (t) => {
  const { stream, redis } = await openStream(t)
  const place = await stream.append([purgeOf(1)])
  for (const text of ['{"paths":["/"]}', 'x', '']) {
    await redis.xadd(KEY, '*', 'writer', 'other', 'number', '1', 'purge', text)
  }
  const page = await stream.read(place)
  t.match(page, [{ purge: { everything: true } }, { purge: { everything: true } }, { purge: { everything: true } }])
})
