import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { startRedis } from '../store/redis-server.ts'
import { makeStoreKey } from '../store/stores.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'

const directory = temporaryDirectory(t)
const app = createServer((_, response) => response.end('the app'))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())

const redis = await startRedis(directory)
t.teardown(() => redis.stop())
const client = new Redis(redis.port)
client.on('error', () => undefined)
t.teardown(() => client.disconnect())
await client.set('domain:one.example', 'blog_1')

function start(keys: Record<string, string>): Promise<RunningEdge> {
  return startEdge(t, {
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
      ...keys,
    },
  })
}

const visit = (edge: RunningEdge): ReturnType<typeof ask> => ask({ port: edge.https, host: 'one.example', ca: edge.ca })
const record = async (): Promise<string> => (await client.get('ssl:one.example:latest')) ?? ''

await t.test('keys are encrypted in Redis; a machine without the key serves and replaces nothing', async (t) => {
  const [key, another] = [makeStoreKey(), makeStoreKey()]
  const first = await start({ EDGE_STORE_KEY: key })
  t.equal((await visit(first)).text, 'the app')
  t.match(JSON.parse(await record()), { fullchain_pem: /BEGIN CERTIFICATE/, privkey_pem: /^sealed:v1:[0-9a-f]{8}:/ })
  t.notMatch(JSON.stringify(first.log) + first.errors(), key)
  await first.stop()

  const before = await record()
  const stranger = await start({ EDGE_STORE_KEY: another })
  await t.rejects(visit(stranger), /internal error/)
  const fault = await stranger.logged((line) => line['msg'] === 'stored certificate cannot be used')
  t.match(JSON.stringify(fault), `encrypted under the key ${/sealed:v1:(\w{8})/.exec(before)?.[1]}`)
  t.equal(await record(), before)
  await stranger.stop()

  const rotated = await start({ EDGE_STORE_KEY: another, EDGE_STORE_KEY_OLD: key })
  t.equal((await visit(rotated)).text, 'the app')
  t.equal(JSON.parse(await record()).fullchain_pem, JSON.parse(before).fullchain_pem, 'it is the same certificate')
})
