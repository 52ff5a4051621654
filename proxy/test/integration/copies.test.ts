import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { pollUntil } from '../until.ts'
import { startRedis } from '../store/redis-server.ts'
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
await client.mset('domain:kept.example', 'blog_1', 'domain:gone.example', 'blog_2')

function start(): Promise<RunningEdge> {
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
    },
  })
}

async function visit(edge: RunningEdge, host: string): Promise<string> {
  return (await ask({ port: edge.https, host, ca: edge.ca })).text
}

const copied = (): string[] => readdirSync(join(directory, 'edge/copies')).filter((file) => file.endsWith('.json'))

await t.test('a machine that restarts while Redis is away serves what it served, and nothing else', async (t) => {
  const first = await start()
  t.equal(await visit(first, 'kept.example'), 'the app')
  t.equal(await visit(first, 'gone.example'), 'the app')
  await pollUntil(() => copied().length === 2)
  await first.stop()

  const second = await start()
  await client.del('domain:gone.example')
  await t.rejects(visit(second, 'gone.example'), /unrecognized name/)
  await pollUntil(() => copied().length === 1)
  await second.stop()

  await redis.stop()
  const third = await start()
  t.equal(await visit(third, 'kept.example'), 'the app')
  await t.rejects(visit(third, 'gone.example'), /internal error/)
  await t.rejects(visit(third, 'never.example'), /internal error/)
})
