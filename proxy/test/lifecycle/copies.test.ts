import { Redis } from 'ioredis'
import t from 'tap'
import { createPermission } from '../../src/certificates/permission.ts'
import { readWithCopy, serveWithCopies, type Served } from '../../src/lifecycle/copies.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { configure, leastForRun } from '../config/configure.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from '../store/redis-server.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import type { Config } from '../../src/config.ts'

const NAME = '*.blot.im'

async function serve(config: Config): Promise<{ store: Store; served: Served }> {
  const store = await openStore(config)
  t.teardown(() => store.close())
  const own = { blotHost: config.host, issuerKind: 'local' as const, wildcard: true, wildcardOrders: false }
  const permission = createPermission({ source: config.permission, store: store.permission, own })
  return { store, served: await serveWithCopies(config, store, permission) }
}

await t.test('the wildcard certificate is there while Redis is away, and while a machine starts', async (t) => {
  const directory = temporaryDirectory(t)
  const redis = await startRedis(directory)
  t.teardown(() => redis.stop())
  const environment = { ...leastForRun, EDGE_STORE: redis.url, EDGE_DATA_DIRECTORY: directory }
  const config = configure(environment, 'run')
  const { store, served } = await serve(config)
  t.equal(await readWithCopy(served, NAME), undefined)
  const certificate = await makeCertificate(NAME)
  await store.vault.write(certificate)
  t.same(await readWithCopy(served, NAME), certificate)
  await pollUntil(async () => (await served.copies?.read(NAME)) !== undefined)
  await redis.stop()
  t.same(await readWithCopy(served, NAME), certificate)
  const { served: restarted } = await serve(config)
  t.same(await readWithCopy(restarted, NAME), certificate)
  await t.rejects(readWithCopy(restarted, 'other.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
})

await t.test('the copy of a name that is removed goes at once, though nobody asks for it', async (t) => {
  const directory = temporaryDirectory(t)
  const redis = await startRedis(directory)
  t.teardown(() => redis.stop())
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  const environment = { ...leastForRun, EDGE_STORE: redis.url, EDGE_DATA_DIRECTORY: directory }
  const { store, served } = await serve(configure(environment, 'run'))
  const isCopied = async (name: string): Promise<boolean> => (await served.copies?.read(name)) !== undefined
  const names = ['denied.example', 'removed.example', 'kept.example']
  for (const name of names) {
    await client.set(`domain:${name}`, 'blog_1')
    await store.vault.write(await makeCertificate(name))
    await served.vault.read(name)
    await pollUntil(() => isCopied(name))
  }
  await client.del('domain:denied.example')
  await store.vault.remove('removed.example')
  for (const name of names) {
    served.changed({ kind: 'permission', name })
    served.changed({ kind: 'certificate', name })
  }
  await pollUntil(async () => !(await isCopied('denied.example')) && !(await isCopied('removed.example')))
  t.ok(await isCopied('kept.example'))
})

await t.test('files are their own copy', async (t) => {
  const directory = temporaryDirectory(t)
  const environment = { ...leastForRun, EDGE_STORE: `file:${directory}/store`, EDGE_DATA_DIRECTORY: directory }
  const { store, served } = await serve(configure(environment, 'run'))
  t.equal(served.copies, store.vault)
})
