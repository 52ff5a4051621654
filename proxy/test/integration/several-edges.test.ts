import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { pollUntil } from '../until.ts'
import { startPebble, type Pebble, type PebbleOptions } from '../certificates/pebble.ts'
import { freePort, startRedis, type RedisServer } from '../store/redis-server.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'

type Site = {
  readonly directory: string
  readonly redis: RedisServer
  /** The app's own. */
  readonly appUrl: string
  readonly app: Redis
  readonly pebble: Pebble
  /** One more machine. */
  start(options?: { id?: number; environment?: Record<string, string> }): Promise<RunningEdge>
  visit(edge: RunningEdge, host: string): Promise<string>
  /** How many orders the CA was sent. */
  orders(): number
}

/** What machines share: the app, its Redis, and a CA. */
async function openSite(t: Test, pebbleOptions: Partial<PebbleOptions> = {}): Promise<Site> {
  const directory = temporaryDirectory(t)
  const upstream = createServer((_, response) => response.end('the app'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => upstream.close())
  const httpPort = await freePort()
  const [redis, pebble] = await Promise.all([
    startRedis(directory),
    startPebble(t, { folder: directory, httpPort, ...pebbleOptions }),
  ])
  t.teardown(() => redis.stop())
  const app = new Redis(redis.port)
  app.on('error', () => undefined)
  t.teardown(() => app.disconnect())
  const appUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  return {
    directory,
    redis,
    appUrl,
    app,
    pebble,
    start: ({ id = 1, environment = {} } = {}) =>
      startEdge(t, {
        args: ['run'],
        directory: join(directory, `machine-${id}`),
        environment: {
          BLOT_HOST: 'blot.example',
          EDGE_UPSTREAMS: appUrl,
          EDGE_ADDRESS: '127.0.0.1',
          // The CA asks one machine, whichever ordered.
          EDGE_HTTP_PORT: String(id === 1 ? httpPort : 0),
          EDGE_STORE: redis.url,
          EDGE_PERMISSION: 'store',
          EDGE_USER: 'nobody',
          EDGE_WORKERS: '2',
          EDGE_PID_FILE: join(directory, `edge-${id}.pid`),
          EDGE_ISSUER: 'acme',
          EDGE_ACME_ENGINE: 'acme-client',
          EDGE_ACME_DIRECTORY: pebble.directoryUrl,
          EDGE_ACME_CA: pebble.caFile,
          EDGE_ACME_EMAIL: 'operator@example.com',
          ...environment,
        },
      }),
    visit: async (edge, host) => (await ask({ port: edge.https, host, ca: pebble.rootPem })).text,
    orders: () => pebble.log().match(/POST \/order-plz/g)?.length ?? 0,
  }
}

await t.test('two machines on one Redis', async (t) => {
  const site = await openSite(t)
  const [one, two] = await Promise.all([site.start(), site.start({ id: 2 })])

  await t.test('both asked for one name at once: one order, and both serve it', async (t) => {
    await site.app.set('domain:both.example', 'blog_1')
    const visits = Array.from({ length: 10 }, (_, index) => site.visit(index % 2 === 0 ? one : two, 'both.example'))
    t.same(new Set(await Promise.all(visits)), new Set(['the app']))
    t.equal(site.orders(), 1)
  })

  await t.test('50 names at once', async (t) => {
    const names = Array.from({ length: 50 }, (_, index) => `site-${index}.example`)
    for (const name of names) await site.app.set(`domain:${name}`, 'blog_1')
    const startedMs = performance.now()
    const answers = await Promise.all(names.map((name, index) => site.visit(index % 2 === 0 ? one : two, name)))
    t.comment(`50 names in ${Math.round(performance.now() - startedMs)} ms`)
    t.equal(answers.filter((answer) => answer === 'the app').length, 50)
    t.equal(site.orders(), 51)
  })

  await t.test('a certificate that one machine renews is served by every worker of the other', async (t) => {
    const serial = async (edge: RunningEdge): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${edge.admin}/certificates/both.example`)
      return ((await answer.json()) as { serial: string }).serial
    }
    const before = await serial(two)
    const renewed = await fetch(`http://127.0.0.1:${one.admin}/certificates?wait`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ domain: 'both.example', renew: true }),
    })
    t.equal(renewed.ok, true)
    const after = await serial(two)
    t.not(after, before)
    // Whichever worker is asked: one after the other hears of it.
    let inARow = 0
    await pollUntil(async () => {
      inARow = (await servedSerial(two, 'both.example')) === after ? inARow + 1 : 0
      return inARow === 10
    })
  })

  await t.test('a third one with EDGE_ISSUER=none serves what is stored, and neither issues nor writes', async (t) => {
    await site.app.set('domain:absent.example', 'blog_1')
    const shadow = await site.start({ id: 3, environment: { EDGE_ISSUER: 'none', EDGE_WORKERS: '1' } })
    const before = await dump(site.app)
    t.equal(await site.visit(shadow, 'both.example'), 'the app')
    await t.rejects(site.visit(shadow, 'absent.example'), /certificate/, 'the fallback')
    await t.rejects(site.visit(shadow, 'stranger.example'), /unrecognized name/)
    t.same(await dump(site.app), before)
  })
})

async function servedSerial({ https: port }: RunningEdge, servername: string): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const serial = socket.getPeerX509Certificate()?.serialNumber
  socket.destroy()
  return serial
}

await t.test('killed in the middle of an order: the next handshake obtains', async (t) => {
  const site = await openSite(t, { sleepS: 2 })
  const environment = {
    EDGE_STORE: `file:${site.directory}/store`,
    EDGE_PERMISSION: `${site.appUrl}/permission`,
    EDGE_WORKERS: '1',
  }
  const edge = await site.start({ environment })
  const visit = site.visit(edge, 'killed.example').catch(() => undefined)
  await pollUntil(() => site.orders() === 1)
  edge.process.kill('SIGKILL')
  await once(edge.process, 'exit')
  await visit
  const again = await site.start({ environment })
  t.equal(await site.visit(again, 'killed.example'), 'the app')
})

await t.test('Redis stopped in the middle of an order: nothing half-written, and it goes on', async (t) => {
  const site = await openSite(t, { sleepS: 2 })
  for (const name of ['known.example', 'new.example']) await site.app.set(`domain:${name}`, 'blog_1')
  const edge = await site.start()
  t.equal(await site.visit(edge, 'known.example'), 'the app')
  const unanswered = site.visit(edge, 'new.example').then(String, (error: Error) => error.message)
  await pollUntil(() => site.orders() === 2)
  await site.redis.stop()
  t.equal(await site.visit(edge, 'known.example'), 'the app', 'what is in memory is served')
  t.match(await unanswered, /certificate|alert/, 'the fallback certificate, which nobody trusts for this name')

  const back = await startRedis(site.directory, { port: site.redis.port })
  t.teardown(() => back.stop())
  await site.app.set('domain:new.example', 'blog_1')
  await pollUntil(async () => (await site.visit(edge, 'new.example').catch(() => '')) === 'the app')
})

await t.test(
  'a wildcard over DNS-01 covers handles and previews, also on a machine that was there before it',
  async (t) => {
    const site = await openSite(t)
    await site.app.set('handle:garden', 'blog_1')
    const waiting = await site.start({ environment: { EDGE_WORKERS: '1', ...dnsOf(site) } })
    const isCovered = async (): Promise<boolean> =>
      (await site.visit(waiting, 'garden.blot.example').catch(() => '')) === 'the app'
    await pollUntil(isCovered)
    t.equal(await site.visit(waiting, 'preview-x.blot.example'), 'the app', 'no certificate of its own is needed')
    t.ok(await site.app.exists('ssl:*.blot.example:latest'))
    t.equal(await site.app.exists('ssl:preview-x.blot.example:latest'), 0)
  },
)

function dnsOf({ pebble }: Site): Record<string, string> {
  return {
    EDGE_DNS_MODULE: join(import.meta.dirname, '../certificates/issuers/acme-dns-01-challtestsrv.cjs'),
    EDGE_DNS_OPTIONS: JSON.stringify({ url: pebble.dns.url, zone: 'blot.example', propagationDelay: 1 }),
  }
}

/** Every key of Redis with its value, but for what only counts time. */
async function dump(redis: Redis): Promise<string[]> {
  const keys = (await redis.keys('*')).toSorted()
  return Promise.all(keys.map(async (key) => `${key} ${(await redis.dump(key))?.length}`))
}
