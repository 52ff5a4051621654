import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { post } from '../../bench/servers/reloadable.ts'
import { startRedis, type RedisServer } from '../store/redis-server.ts'
import { startApp } from '../webhooks/app.ts'
import { productionEnvironment, startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'
import { until } from '../until.ts'

/** Two machines with one Redis take webhooks all the while, whatever stops, and one app gets them. */

const HOST = 'blot.example'
const PATH = '/clients/dropbox/webhook'
/** Between two webhooks of one sender. */
const PAUSE_MS = 10
const PATIENCE_MS = 60_000

const directory = temporaryDirectory(t)
const app = await startApp(t)
// What Redis has answered is on its disk.
const flags = ['--appendonly', 'yes', '--appendfsync', 'always']
let redis: RedisServer = await startRedis(directory, { flags })
t.teardown(() => redis.stop())

function startMachine(name: string): Promise<RunningEdge> {
  return startEdge(t, {
    args: ['run'],
    directory: join(directory, name),
    environment: {
      ...productionEnvironment(join(directory, name)),
      BLOT_HOST: HOST,
      EDGE_UPSTREAMS: `http://127.0.0.1:${app.port}`,
      EDGE_STORE: redis.url,
    },
  })
}

type Sender = {
  /** The bodies that were answered with 200, in the order in which they were sent. */
  readonly acknowledged: string[]
  /** What else it was told. */
  readonly refusals: string[]
  /** Resolves when so many more are acknowledged. */
  more(count: number): Promise<void>
  stop(): Promise<void>
}

/** Sends one webhook after the other over one connection, each with a body of its own. */
function startSender(name: string, { https: port }: RunningEdge): Sender {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, servername: HOST, rejectUnauthorized: false })
  const acknowledged: string[] = []
  const refusals: string[] = []
  const over = new AbortController()
  async function send(body: string): Promise<number> {
    const options = { host: '127.0.0.1', port, agent, method: 'POST', path: PATH, headers: { host: HOST } }
    const request = https.request({ ...options, timeout: PATIENCE_MS })
    request.once('timeout', () => request.destroy(new Error('no answer')))
    const [response] = (await once(request.end(body), 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'close')
    return response.statusCode ?? 0
  }
  async function live(): Promise<void> {
    for (let number = 1; !over.signal.aborted; number++) {
      const body = `${name}-${number}`
      const status = await send(body).catch((error: Error) => error.message)
      if (status === 200) acknowledged.push(body)
      else refusals.push(`${body}: ${status}`)
      await sleep(PAUSE_MS)
    }
  }
  const living = live()
  return {
    acknowledged,
    refusals,
    more(count) {
      const wanted = acknowledged.length + count
      const instead = (): string => `${acknowledged.length} are; ${refusals.slice(-3).join(', ')}`
      return until(`${wanted} webhooks of ${name} are acknowledged`, () => acknowledged.length >= wanted, instead)
    },
    async stop() {
      over.abort()
      await living
      agent.destroy()
    },
  }
}

const edges = [await startMachine('one'), await startMachine('two')] as const
const senders = [startSender('one', edges[0]), startSender('two', edges[1])] as const
t.teardown(() => Promise.all(senders.map((sender) => sender.stop())))
const more = async (count: number): Promise<void> => void (await Promise.all(senders.map((one) => one.more(count))))

await t.test('whatever stops, whoever sends is told that it is kept', async (t) => {
  await more(5)
  await app.away()
  await more(5)
  redis.suspend()
  await more(5)
  redis.resume()
  await more(5)
  await redis.stop()
  await more(5)
  redis = await startRedis(directory, { port: redis.port, flags })
  await more(5)
  t.same(
    senders.flatMap(({ refusals }) => refusals),
    [],
  )
})

await t.test('while both machines reload, delivery goes on, and none is lost or overtaken', async (t) => {
  app.reply = (_received, response) => void setTimeout(() => response.end('taken'), 5)
  await app.back()
  await Promise.all(edges.map((edge) => post(edge, '/reload')))
  await more(5)
  await Promise.all(senders.map((sender) => sender.stop()))
  const delivered = (): string[] => app.received.map(({ body }) => body.toString())
  const lost = (): string[] => {
    const all = new Set(delivered())
    return senders.flatMap(({ acknowledged }) => acknowledged.filter((body) => !all.has(body)))
  }
  await until(
    'each is delivered',
    () => lost().length === 0,
    () => `not ${lost().join(', ')}`,
  )
  const first = [...new Set(delivered())]
  for (const { acknowledged, refusals } of senders) {
    const own = new Set(acknowledged)
    t.same(
      first.filter((body) => own.has(body)),
      acknowledged,
    )
    t.same(refusals, [])
  }
  t.comment(`${delivered().length} deliveries of ${first.length} webhooks`)
})
