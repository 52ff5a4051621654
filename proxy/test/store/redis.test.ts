import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import t from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { openRedis } from '../../src/store/redis.ts'
import { createRedisPermission } from '../../src/store/redis-permission.ts'
import { createRedisVault } from '../../src/store/redis-vault.ts'
import { openStore } from '../../src/store/open.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { freePort, startRedis } from './redis-server.ts'
import type { RedisStore } from '../../src/store/redis.ts'

const answers = (store: RedisStore): Promise<boolean> =>
  store
    .command((redis) => redis.ping())
    .then(
      () => true,
      () => false,
    )

await t.test('starts without redis, says so once, and finds it later', async (t) => {
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault.message)))
  const port = await freePort()
  const store = await openRedis(`redis://127.0.0.1:${port}`)
  t.teardown(() => store.close())
  await t.rejects(
    store.command((redis) => redis.ping()),
    { code: 'EDGE_ERR_STORE_UNAVAILABLE' },
  )

  const first = await startRedis(t.testdir(), { port })
  await pollUntil(() => answers(store))
  t.same(faults, ['redis is away'])

  await first.stop()
  await pollUntil(() => faults.length === 2)
  t.equal(await answers(store), false)
  const second = await startRedis(t.testdir(), { port })
  t.teardown(() => second.stop())
  await pollUntil(() => answers(store))
  t.same(faults, ['redis is away', 'redis is away'])
})

await t.test('takes a password, and tells nobody', async (t) => {
  const server = await startRedis(t.testdir(), { password: 'open-sesame' })
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  t.equal(await answers(store), true)

  const faults: unknown[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault.error)))
  const wrong = await openRedis(`redis://:another-word@127.0.0.1:${server.port}`)
  t.teardown(() => wrong.close())
  const refusal: unknown = await wrong.command((redis) => redis.ping()).catch((error: unknown) => error)
  t.match(refusal, { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  t.notMatch(describe(refusal) + describe(faults), /another-word/)
})

await t.test('no private key is part of an error', async (t) => {
  const server = await startRedis(t.testdir())
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  const vault = createRedisVault(store, 'ssl')
  await store.command((redis) => redis.config('SET', 'maxmemory', '1'))
  const certificate = await makeCertificate('full.example')
  const refusal: unknown = await vault.write(certificate).catch((error: unknown) => error)
  t.match(refusal, { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /OOM/ })
  t.notMatch(describe(refusal), /PRIVATE/)
})

await t.test("permits what the app's keys say", async (t) => {
  const server = await startRedis(t.testdir())
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  await store.command((redis) => redis.mset('domain:own.example', 'blog_1', 'handle:garden', 'blog_1'))
  const permission = createRedisPermission(store, 'blot.im')
  const ask = (name: string): Promise<boolean> => permission.ask(name, AbortSignal.timeout(1_000))
  t.equal(await ask('own.example'), true)
  t.equal(await ask('garden.blot.im'), true)
  t.equal(await ask('desert.blot.im'), false)
  t.equal(await ask('www.own.example'), false)
  t.equal(await ask('deep.garden.blot.im'), false)
  t.equal(await ask('garden.elsewhere.im'), false)
  t.equal(await ask('garden'), false)
  await server.stop()
  await t.rejects(ask('own.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
})

await t.test('the store of a configuration', async (t) => {
  const server = await startRedis(t.testdir())
  t.teardown(() => server.stop())
  const shared = await openStore({ store: { kind: 'redis', url: server.url }, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => shared.close())
  const certificate = await makeCertificate('one.example')
  await shared.vault.write(certificate)
  t.same(await shared.vault.read('one.example'), certificate)
  t.equal(await shared.permission?.ask('one.example', AbortSignal.timeout(1_000)), false)

  const directory = t.testdir()
  const files = await openStore({ store: { kind: 'file', directory }, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => files.close())
  await files.vault.write(certificate)
  t.same(await files.vault.read('one.example'), certificate)
  t.equal(files.permission, undefined)
  const lock = await files.locker.acquire('one.example', AbortSignal.timeout(1_000))
  await lock.release()
})

/** All that a log could show of a thrown value. */
function describe(error: unknown): string {
  return inspect(error, { depth: 10 })
}

await t.test(
  'an answer that came while this process was busy is in time, and one that does not come is not',
  async (t) => {
    const redis = await startRedis(t.testdir())
    t.teardown(() => redis.stop())
    const store = await openRedis(redis.url)
    t.teardown(() => store.close())
    const startedMs = performance.now()
    const answer = store.command((client) => client.echo('here'))
    // Redis answers in order of arrival: this one comes behind the other.
    execFileSync('redis-cli', ['-p', String(redis.port), 'ping'])
    while (performance.now() < startedMs + 300);
    t.equal(await answer, 'here')

    redis.suspend()
    t.teardown(() => redis.resume())
    await t.rejects(
      store.command((client) => client.echo('there')),
      { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /not within 250 ms/ },
    )
  },
)
