import { rmSync } from 'node:fs'
import path from 'node:path'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { blogId } from '../../src/blogs/blog-id.ts'
import { startEdge } from '../support/edge.ts'
import { startRedis } from '../support/redis-server.ts'
import { startTestApp, temporaryFolder, type TestAppOptions } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const garden = blogId('garden')
const harbor = blogId('harbor')

const files = {
  'garden/blog.json': '{"title": "Garden", "domain": "garden.example", "formerHandles": ["allotment"]}',
  'harbor/a.txt': 'a',
}

function startWith(t: Test, address: string, options: TestAppOptions = {}) {
  return startTestApp(t, { files, ...options, environment: { BLOT_REDIS_HOST: address, ...options.environment } })
}

const exists = async (client: Redis, key: string) => (await client.exists(key)) === 1

await t.test('blogs are registered by all their names', async (t) => {
  const { client, address } = await startRedis(t)
  const app = await startWith(t, address)
  await waitUntil(() => exists(client, `blog:${harbor}:info`))

  await t.test('exactly as other programs look them up', async (t) => {
    for (const key of ['handle:garden', 'handle:allotment', 'domain:garden.example', 'domain:www.garden.example']) {
      t.equal(await client.get(key), garden, key)
    }
    t.equal(await client.get('handle:harbor'), harbor)
    t.strictSame(
      { ...(await client.hgetall(`blog:${garden}:info`)) },
      {
        id: garden,
        handle: 'garden',
        title: 'Garden',
        domain: 'garden.example',
        template: 'plain',
        forceSSL: 'false',
        formerHandles: 'allotment',
      },
    )
    t.equal((await client.keys('*')).length, 8, 'and one record of ours')
  })

  await t.test('a change of names removes the old ones', async (t) => {
    app.write('garden/blog.json', '{"title": "Garden", "domain": "www.new.example"}')
    await waitUntil(() => exists(client, 'domain:new.example'))
    t.equal(await client.get('domain:www.new.example'), garden)
    for (const key of ['domain:garden.example', 'domain:www.garden.example', 'handle:allotment']) {
      t.notOk(await exists(client, key), key)
    }
    t.equal(await client.hget(`blog:${garden}:info`, 'domain'), 'www.new.example')
  })

  await t.test('a blog that goes leaves no key', async (t) => {
    rmSync(path.join(app.folder, 'blogs/garden'), { recursive: true })
    await waitUntil(async () => !(await exists(client, `blog:${garden}:info`)))
    t.notOk(await exists(client, 'handle:garden'))
    t.notOk(await exists(client, 'domain:new.example'))
    t.equal(await client.get('handle:harbor'), harbor)
  })
})

await t.test('a blog that went while the app was down leaves no key either', async (t) => {
  const { client, address } = await startRedis(t)
  const folder = temporaryFolder(t)
  const first = await startWith(t, address, { folder })
  await waitUntil(() => exists(client, `blog:${garden}:info`))
  await first.close()
  rmSync(path.join(folder, 'blogs/garden'), { recursive: true })
  await startWith(t, address, { folder, files: {} })
  await waitUntil(async () => !(await exists(client, `blog:${garden}:info`)))
  t.notOk(await exists(client, 'domain:garden.example'))
  t.equal(await client.get('handle:harbor'), harbor)
})

await t.test('keys of other programs are never touched', async (t) => {
  const { client, address } = await startRedis(t)
  await client.set('domain:garden.example', 'blog_of_another')
  await client.hset('handle:allotment', 'of', 'another')
  await client.set('handle:unrelated', 'blog_of_another')
  await client.set('ssl:garden.example:latest', '{}')
  const app = await startWith(t, address)
  await waitUntil(() => exists(client, `blog:${garden}:info`))
  t.equal(await client.get('domain:www.garden.example'), garden, 'the others are registered all the same')
  await client.set('handle:garden', 'blog_of_another')
  rmSync(path.join(app.folder, 'blogs/garden'), { recursive: true })
  await waitUntil(async () => !(await exists(client, `blog:${garden}:info`)))
  t.equal(await client.get('domain:garden.example'), 'blog_of_another')
  t.equal(await client.hget('handle:allotment', 'of'), 'another')
  t.equal(await client.get('handle:garden'), 'blog_of_another', 'one that changed hands')
  t.equal(await client.get('handle:unrelated'), 'blog_of_another')
  t.equal(await client.get('ssl:garden.example:latest'), '{}')
})

await t.test('the app serves on without Redis and registers when it is back', async (t) => {
  const first = await startRedis(t)
  const app = await startWith(t, first.address)
  await waitUntil(() => exists(first.client, `blog:${garden}:info`))
  await first.stop()
  app.write('harbor/b.md', '# While it was away')
  await waitUntil(async () => (await app.visit('http://harbor.blot.localhost/while-it-was-away')).status === 200)
  t.equal((await app.visit('http://127.0.0.1/permission?domain=garden.example')).status, 200)
  const second = await startRedis(t, Number(first.address.split(':')[1]))
  await waitUntil(() => exists(second.client, `blog:${garden}:info`), 10_000)
  t.equal(await second.client.get('handle:harbor'), harbor)
})

await t.test('the app starts without Redis', async (t) => {
  const app = await startWith(t, '127.0.0.1:1')
  t.equal((await app.visit('http://harbor.blot.localhost/a.txt')).status, 200)
})

await t.test('failed purges wait in Redis, also for the next process', async (t) => {
  const { client, address } = await startRedis(t)
  const edge = await startEdge(t)
  edge.status = 500
  const folder = temporaryFolder(t)
  const options = { folder, environment: { BLOT_REVERSE_PROXY_URLS: edge.url } }
  const key = `flushCache:pending:${edge.url}`
  const first = await startWith(t, address, options)
  await waitUntil(async () => (await client.zscore(key, 'garden.example')) !== null)
  const score = Number(await client.zscore(key, 'garden.example'))
  t.ok(Math.abs(Date.now() - score) < 60_000, 'milliseconds')
  await first.close()
  await client.zadd(key, Date.now(), 'of-an-earlier-blog.example')

  edge.status = 200
  await startWith(t, address, options)
  await waitUntil(async () => (await client.exists(key)) === 0)
  const purged = new Set(edge.calls.flatMap((call) => call.hosts))
  t.ok(purged.has('garden.example'))
  t.ok(purged.has('of-an-earlier-blog.example'))
})
