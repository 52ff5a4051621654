import { Redis } from 'ioredis'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startRedis } from '../store/redis-server.ts'
import { ask } from './client.ts'
import { startEdge } from './edge.ts'

const directory = mkdtempSync(join(tmpdir(), 'blot-edge-redis-'))
chmodSync(directory, 0o755)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const app = createServer((_, response) => response.end('the app'))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())

const redis = await startRedis(directory)
t.teardown(() => redis.stop())
const client = new Redis(redis.port)
client.on('error', () => undefined)
t.teardown(() => client.disconnect())
await client.set('domain:customer.example', 'blog_1')
await client.set('handle:garden', 'blog_1')

const edge = await startEdge(t, {
  args: ['run'],
  directory,
  environment: {
    BLOT_HOST: 'blot.example',
    BLOT_PORT: String((app.address() as AddressInfo).port),
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_STORE: `redis://127.0.0.1:${redis.port}`,
    EDGE_ISSUER: 'local',
    EDGE_USER: 'nobody',
    EDGE_WORKERS: '1',
    EDGE_PID_FILE: join(directory, 'edge.pid'),
  },
})
const site = { port: edge.https, host: 'customer.example', ca: edge.ca }

await t.test(
  'the app’s keys decide which names get a certificate, kept as lua-resty-auto-ssl keeps them',
  async (t) => {
    for (const host of ['customer.example', 'garden.blot.example']) {
      t.equal((await ask({ ...site, host })).text, 'the app', host)
      const entry = JSON.parse((await client.get(`ssl:${host}:latest`)) ?? '{}') as Record<string, unknown>
      t.match(entry, { fullchain_pem: /BEGIN CERTIFICATE/, privkey_pem: /PRIVATE KEY/, expiry: Number })
    }
    for (const host of ['stranger.example', 'nobody.blot.example']) {
      await t.rejects(ask({ ...site, host }), /unrecognized name/, host)
      t.equal(await client.exists(`ssl:${host}:latest`), 0, 'a denied name costs no write')
    }
  },
)

await t.test('with Redis away, names in memory are served, and others are told that it is our fault', async (t) => {
  await redis.stop()
  t.equal((await ask(site)).text, 'the app')
  await t.rejects(ask({ ...site, host: 'another.example' }), /internal error/)
})
