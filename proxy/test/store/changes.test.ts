import { Redis } from 'ioredis'
import t from 'tap'
import { join } from 'node:path'
import { openFileChanges } from '../../src/store/file-changes.ts'
import { createFileState } from '../../src/store/file-state.ts'
import { openStore } from '../../src/store/open.ts'
import { pollUntil } from '../until.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'
import type { Changes } from '../../src/certificates/contracts.ts'

/** What is heard, as `kind name`. */
function listenTo(changes: Changes): string[] {
  const heard: string[] = []
  t.teardown(
    changes.subscribe((change) => heard.push([change.kind, 'name' in change ? change.name : ''].join(' ').trim())),
  )
  return heard
}

await t.test('what the app permits and withdraws is heard from a Redis that tells it', async (t) => {
  const server = await startRedis(temporaryDirectory(t), { flags: ['--notify-keyspace-events', 'Kg$'] })
  t.teardown(() => server.stop())
  const app = new Redis(`${server.url}/1`)
  t.teardown(() => app.disconnect())
  const store = { kind: 'redis' as const, url: `${server.url}/1` }
  const { changes, close } = await openStore({ store, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => close())
  const heard = listenTo(changes)
  await pollUntil(async () => {
    await app.set('domain:ready.example', 'blog_1')
    return heard.length > 0
  })
  await app.set('unrelated:key', 'x')
  await app.set('handle:garden', 'blog_1')
  await app.del('handle:garden')
  await app.set('domain:own.example', 'blog_1', 'EX', 1_000)
  await app.rename('domain:own.example', 'domain:other.example')
  await pollUntil(() => heard.includes('permission other.example'))
  const told = new Set(heard.filter((change) => !change.includes('ready')))
  t.same([...told], ['permission garden.blot.im', 'permission own.example', 'permission other.example'])
})

await t.test('after Redis was away, everything may have changed', async (t) => {
  const directory = temporaryDirectory(t)
  const first = await startRedis(directory)
  const store = { kind: 'redis' as const, url: first.url }
  const { changes, close } = await openStore({ store, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => close())
  const heard = listenTo(changes)
  await pollUntil(async () => {
    await changes.publish({ kind: 'tickets' })
    return heard.includes('tickets')
  })
  t.notOk(heard.includes('all'), 'nothing was missed so far')
  await first.stop()
  await t.rejects(changes.publish({ kind: 'tickets' }), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  const second = await startRedis(directory, { port: first.port })
  t.teardown(() => second.stop())
  await pollUntil(() => heard.includes('all'))
  await changes.publish({ kind: 'certificate', name: 'a.example' }) // Whoever hears it can ask.
  await pollUntil(() => heard.includes('certificate a.example'))
})

await t.test('a message that is none of ours is not heard', async (t) => {
  const server = await startRedis(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const other = new Redis(server.url)
  t.teardown(() => other.disconnect())
  const store = { kind: 'redis' as const, url: server.url }
  const { changes, close } = await openStore({ store, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => close())
  const heard = listenTo(changes)
  for (const text of [
    '',
    'null',
    '[]',
    '{"kind":"all"}',
    '{"kind":"certificate"}',
    '{"kind":"certificate","name":1}',
  ]) {
    await other.publish('edge:changes', text)
  }
  await pollUntil(async () => {
    await changes.publish({ kind: 'tickets' })
    return heard.length > 0
  })
  t.same([...new Set(heard)], ['tickets'])
})

await t.test('on files, who is too far behind hears that everything may have changed', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'state.sqlite')
  const [one, two] = [createFileState(file), createFileState(file)]
  t.teardown(() => [one, two].forEach((state) => state.close()))
  const listening = await openFileChanges(one, join(directory, 'bell'))
  const telling = await openFileChanges(two, join(directory, 'bell'))
  t.teardown(() => listening.close())
  const heard = listenTo(listening)
  // Without the bell: as if this process had been stopped meanwhile.
  await two.write(
    (sql) => sql.run`
      WITH RECURSIVE count (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM count WHERE i < 1500)
      INSERT INTO change (text) SELECT '{"kind":"tickets"}' FROM count`,
  )
  await telling.publish({ kind: 'certificate', name: 'a.example' })
  await pollUntil(() => heard.length > 0)
  t.same(heard, ['all'])
  await telling.publish({ kind: 'certificate', name: 'b.example' })
  await pollUntil(() => heard.length > 1)
  t.same(heard, ['all', 'certificate b.example'])
  t.equal(
    await two.read((sql) => Number(sql.get`SELECT count(*) AS size FROM change`?.['size'])),
    1_000,
    'the list is bounded',
  )
})
