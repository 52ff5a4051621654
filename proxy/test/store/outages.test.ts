import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { StoredCertificate } from '../../src/certificates/contracts.ts'
import { openStore } from '../../src/store/open.ts'
import { makeCertificate, makeKey } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'
import type { Store } from '../../src/store/open.ts'

const NAME = 'one.example'
const certificate = await makeCertificate(NAME)
const account = { directoryUrl: 'https://ca.example/dir', email: 'me@example.com', url: 'x', privateKeyPem: makeKey() }
let registered = 0
const failure = { count: 1, atMs: 1, nextTryAtMs: 2, code: 'x', kind: undefined, detail: 'y' }
const charges = [{ scope: 'a', limit: 1_000, windowMs: 60_000 }]

type Call = readonly [name: string, run: (store: Store) => Promise<unknown>]

const reads: readonly Call[] = [
  ['vault.read', (store) => store.vault.read(NAME)],
  ['vault.names', (store) => store.vault.names()[Symbol.asyncIterator]().next()],
  ['tokens.read', (store) => store.tokens.read('token')],
  ['accounts.read', (store) => store.accounts.read(account)],
  ['failures.read', (store) => store.failures.read(NAME)],
  ['failures.list', (store) => store.failures.list()[Symbol.asyncIterator]().next()],
  ['schedule.due', (store) => store.schedule.due(Date.now(), 1)],
  ['schedule.dueAtMs', (store) => store.schedule.dueAtMs(NAME)],
  ['schedule.size', (store) => store.schedule.size()],
  ['tickets.read', (store) => store.tickets.read()],
  ['budgets.look', (store) => store.budgets.look(charges)],
]

const writes: readonly Call[] = [
  ['vault.write', (store) => store.vault.write(certificate)],
  ['vault.write with a fence', (store) => store.vault.write(certificate, Number.MAX_SAFE_INTEGER)],
  ['tokens.put', (store) => store.tokens.put('token', 'answer', 60_000)],
  [
    'accounts.keepFirst',
    (store) => store.accounts.keepFirst({ ...account, email: `${(registered += 1)}@example.com` }),
  ],
  ['failures.write', (store) => store.failures.write(NAME, failure)],
  ['schedule.set', (store) => store.schedule.set(NAME, 1)],
  ['tickets.replace', async (store) => store.tickets.replace(await store.tickets.read(), [])],
  ['budgets.take', (store) => store.budgets.take(charges)],
  ['budgets.shut', (store) => store.budgets.shut('b', Date.now() + 60_000, 'x')],
  ['locker.acquire', async (store) => (await store.locker.acquire(NAME, AbortSignal.timeout(5_000))).release()],
]

const removals: readonly Call[] = [
  ['vault.remove', (store) => store.vault.remove('other.example')],
  ['tokens.remove', (store) => store.tokens.remove('token')],
  ['failures.remove', (store) => store.failures.remove(NAME)],
  ['schedule.remove', (store) => store.schedule.remove(NAME)],
  ['budgets.giveBack', (store) => store.budgets.giveBack(charges)],
]

const publications: readonly Call[] = [['changes.publish', (store) => store.changes.publish({ kind: 'tickets' })]]

async function openRedisStore(t: Test, url: string): Promise<Store> {
  const store = await openStore({ store: { kind: 'redis', url }, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => store.close())
  return store
}

/** Each of them rejects as an outage, with no secret in what it says. */
async function allReject(t: Test, store: Store, calls: readonly Call[]): Promise<void> {
  for (const [name, run] of calls) {
    const error: unknown = await run(store).catch((reason: unknown) => reason)
    t.match(error, { code: 'EDGE_ERR_STORE_UNAVAILABLE' }, name)
    t.notMatch(String(error), /PRIVATE/)
  }
}

async function allResolve(t: Test, store: Store, calls: readonly Call[]): Promise<void> {
  for (const [name, run] of calls) await t.resolves(run(store), name)
}

const back = (store: Store): Promise<boolean> =>
  store.schedule.size().then(
    () => true,
    () => false,
  )

await t.test('redis stops in the middle of everything, and comes back empty', async (t) => {
  const directory = temporaryDirectory(t)
  const first = await startRedis(directory)
  const store = await openRedisStore(t, first.url)
  const all = [...reads, ...writes, ...removals, ...publications]
  await allResolve(t, store, all)
  const client = new Redis(first.url)
  await client.client('PAUSE', 60_000, 'ALL')
  client.disconnect()
  const underWay = all.map(([, run]) =>
    run(store).then(
      () => 'resolved',
      (error: { code?: string }) => error.code,
    ),
  )
  await first.stop()
  t.same(new Set(await Promise.all(underWay)), new Set(['EDGE_ERR_STORE_UNAVAILABLE']))
  await allReject(t, store, all)

  const second = await startRedis(directory, { port: first.port })
  t.teardown(() => second.stop())
  await pollUntil(() => back(store))
  t.equal(await store.vault.read(NAME), undefined)
  t.equal(await store.schedule.size(), 0)
  await allResolve(t, store, all)
  t.same(await store.vault.read(NAME), certificate)
})

await t.test('redis became read-only: what is there is read', async (t) => {
  const directory = temporaryDirectory(t)
  const [server, other] = await Promise.all([startRedis(directory), startRedis(directory)])
  t.teardown(() => Promise.all([server.stop(), other.stop()]))
  const store = await openRedisStore(t, server.url)
  const client = new Redis(server.url)
  t.teardown(() => client.disconnect())
  await allResolve(t, store, writes)
  await client.config('SET', 'min-replicas-to-write', '1')
  await allReject(
    t,
    store,
    writes.filter(([name]) => name !== 'tickets.replace'),
  )
  await allResolve(t, store, reads)
  await client.config('SET', 'min-replicas-to-write', '0')
  await allResolve(t, store, writes)
  // A replica says READONLY: then another server is looked for, which is this one again, here.
  await client.replicaof('127.0.0.1', other.port)
  const connection = async (): Promise<string | undefined> =>
    /^id=(\d+) .*\bname=blot-edge /m.exec(String(await client.client('LIST')))?.[1]
  const before = await connection()
  await t.rejects(store.schedule.set(NAME, 1), { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /READONLY/ })
  await pollUntil(async () => {
    const now = await connection()
    return now !== undefined && now !== before
  })
  await client.replicaof('NO', 'ONE')
  await t.resolves(
    pollUntil(() =>
      store.schedule.set(NAME, 1).then(
        () => true,
        () => false,
      ),
    ),
  )
})

await t.test('redis is out of memory: what is there is read, and nothing half written', async (t) => {
  const server = await startRedis(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const store = await openRedisStore(t, server.url)
  const client = new Redis(server.url)
  t.teardown(() => client.disconnect())
  await allResolve(t, store, writes)
  await client.config('SET', 'maxmemory', '1')
  // What is past makes room for what is taken.
  await allReject(
    t,
    store,
    writes.filter(([name]) => name !== 'budgets.take'),
  )
  await allResolve(t, store, [...reads, ...removals])
  t.same(await store.vault.read(NAME), certificate)
  await client.config('SET', 'maxmemory', '0')
  await allResolve(t, store, writes)
})

const isRoot = process.getuid?.() === 0

await t.test(
  'the disk is full: the record of before stays whole',
  { skip: !isRoot && 'only root mounts' },
  async (t) => {
    const directory = join(temporaryDirectory(t), 'small')
    mkdirSync(directory)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', directory])
    t.teardown(() => execFileSync('umount', [directory]))
    const config = { store: { kind: 'file' as const, directory }, storePrefix: 'ssl', host: 'blot.im' }
    const store = await openStore(config)
    await allResolve(t, store, writes)
    const fill = (): void => {
      for (let size = 256 * 1024; size >= 1; size = Math.floor(size / 2)) {
        for (let count = 0; count < 2; count += 1) {
          try {
            writeFileSync(join(directory, `filler-${size}-${count}`), Buffer.alloc(size))
          } catch {
            // Full, at this size.
          }
        }
      }
    }
    fill()
    const renewed: StoredCertificate = await makeCertificate(NAME)
    await t.rejects(store.vault.write(renewed), { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /ENOSPC|disk is full/ })
    t.same(await store.vault.read(NAME), certificate)
    await t.rejects(store.failures.write('big.example', { ...failure, detail: 'x'.repeat(2_000) }), {
      code: 'EDGE_ERR_STORE_UNAVAILABLE',
    })
    t.match(await store.failures.read(NAME), failure)
    await allResolve(t, store, reads)
    const another = await openStore(config)
    t.same(await another.vault.read(NAME), certificate, 'an edge starts on a full disk')
    await another.close()

    for (const size of [256, 128, 64]) rmSync(join(directory, `filler-${size * 1024}-0`), { force: true })
    await store.vault.write(renewed)
    t.same(await store.vault.read(NAME), renewed)
    await allResolve(t, store, writes)
    await store.close()
  },
)
