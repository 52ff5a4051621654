import { pino } from 'pino'
import t, { type Test } from 'tap'
import { Purger, type PendingPurges } from '../../src/cache/purge.ts'
import { startEdge } from '../support/edge.ts'
import { waitUntil } from '../support/wait-until.ts'

function createPurger(t: Test, proxy: string, pending?: PendingPurges): Purger {
  const purger = new Purger({ proxy, token: undefined, pending, log: pino({ level: 'silent' }), firstDelayMs: 10 })
  t.teardown(() => purger.close())
  return purger
}

await t.test('every host is purged, some at a time', async (t) => {
  const edge = await startEdge(t)
  const hosts = Array.from({ length: 50 }, (_, index) => `h${index}.im`)
  createPurger(t, edge.url).purge(hosts)
  await waitUntil(() => edge.calls.length === 3)
  t.strictSame(
    edge.calls.flatMap((call) => call.hosts),
    hosts,
  )
  t.notOk('x-blot-purge-token' in (edge.calls[0]?.headers ?? {}))
})

await t.test('hosts that wait are purged once', async (t) => {
  const edge = await startEdge(t)
  const purger = createPurger(t, edge.url)
  for (let count = 0; count < 10; count += 1) purger.purge(['a.im'])
  await waitUntil(() => edge.calls.length === 2)
  edge.onPurge = () => {
    edge.onPurge = undefined
    purger.purge(['b.im'])
  }
  purger.purge(['b.im'])
  await waitUntil(() => edge.calls.length === 4)
  t.strictSame(
    edge.calls.map((call) => call.hosts),
    [['a.im'], ['a.im'], ['b.im'], ['b.im']],
    'one that changes while its purge is under way is purged again',
  )
})

await t.test('a purge that fails is tried until it succeeds', async (t) => {
  const edge = await startEdge(t)
  edge.status = 503
  const purger = createPurger(t, edge.url)
  purger.purge(['a.im'])
  purger.purge(['b.im'])
  edge.status = 403
  edge.status = 200
  await waitUntil(() => edge.calls.length > 0)
  t.ok(edge.calls.flatMap((call) => call.hosts).includes('a.im'))
  await waitUntil(() => edge.calls.flatMap((call) => call.hosts).includes('b.im'))
})

await t.test('an edge that is not there holds nobody up', async (t) => {
  const purger = createPurger(t, 'http://127.0.0.1:1')
  purger.purge(['a.im'])
  await purger.close()
  purger.purge(['b.im'])
  t.pass('closed while it waited')
})

await t.test('what fails is kept, what succeeds is settled, what was kept is resumed', async (t) => {
  const edge = await startEdge(t)
  const kept = new Set(['earlier.im'])
  const pending: PendingPurges = {
    load: () => Promise.resolve([...kept]),
    keep: async (_proxy, hosts) => hosts.forEach((host) => kept.add(host)),
    settle: async (_proxy, hosts) => hosts.forEach((host) => kept.delete(host)),
  }
  edge.status = 500
  const purger = createPurger(t, edge.url, pending)
  purger.purge(['a.im'])
  await waitUntil(() => kept.has('a.im'))
  await purger.resume()
  edge.status = 200
  await waitUntil(() => kept.size === 0)
  t.strictSame(new Set(edge.calls.flatMap((call) => call.hosts)), new Set(['a.im', 'earlier.im']))
})

await t.test('what was not sent before the end is kept', async (t) => {
  const kept = new Set<string>()
  const pending: PendingPurges = {
    load: () => Promise.resolve([]),
    keep: async (_proxy, hosts) => hosts.forEach((host) => kept.add(host)),
    settle: () => Promise.resolve(),
  }
  const purger = createPurger(t, 'http://127.0.0.1:1', pending)
  const hosts = Array.from({ length: 45 }, (_, index) => `h${index}.im`)
  purger.purge(hosts)
  await purger.close()
  t.strictSame([...kept].toSorted(), hosts.toSorted())
})

await t.test('tags are purged where the edge knows them, else the hosts', async (t) => {
  const edge = await startEdge(t)
  const purger = createPurger(t, edge.url)
  const tags = Array.from({ length: 30 }, (_, index) => `post:1:${index}`)
  purger.purgeTags(tags, ['a.im'])
  await waitUntil(() => edge.calls.length === 2)
  t.strictSame(
    edge.calls.flatMap((call) => call.tags),
    tags,
  )
  edge.ignoresTags = true
  purger.purgeTags(['post:1:x'], ['b.im'])
  await waitUntil(() => edge.calls.length === 4)
  t.strictSame(edge.calls[3]?.hosts, ['b.im'])
  edge.status = 503
  purger.purgeTags(['post:1:x'], ['c.im'])
  purger.purge(['d.im'])
  edge.status = 200
  await waitUntil(() => edge.calls.flatMap((call) => call.hosts).includes('c.im'))
  t.notOk(edge.calls.flatMap((call) => call.hosts).includes('a.im'))
})

await t.test('tags that an edge did not take before the end are kept as their hosts', async (t) => {
  const kept = new Set<string>()
  const pending: PendingPurges = {
    load: () => Promise.resolve([]),
    keep: async (_proxy, hosts) => hosts.forEach((host) => kept.add(host)),
    settle: () => Promise.resolve(),
  }
  const purger = createPurger(t, 'http://127.0.0.1:1', pending)
  purger.purgeTags(['post:1:x'], ['a.im'])
  await purger.close()
  t.strictSame([...kept], ['a.im'])
})
