import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { pollUntil } from '../until.ts'
import { startRedis } from '../store/redis-server.ts'
import { startRelay } from '../store/relay.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'

const app = createServer((_, response) => response.end('the app')).listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())

const redisFolder = temporaryDirectory(t)
const redis = await startRedis(redisFolder)
t.teardown(() => redis.stop())

/** A machine of its own: an edge with two workers, and folders that no other one sees. */
async function startMachine(t: Test, directory: string, redisPort: number): Promise<RunningEdge> {
  return startEdge(t, {
    args: ['run'],
    directory,
    detached: true,
    environment: {
      BLOT_HOST: 'blot.example',
      BLOT_PORT: String((app.address() as AddressInfo).port),
      EDGE_ADDRESS: '127.0.0.1',
      EDGE_STORE: `redis://127.0.0.1:${redisPort}`,
      EDGE_ISSUER: 'local',
      EDGE_USER: 'nobody',
      EDGE_WORKERS: '2',
      EDGE_PID_FILE: join(directory, 'edge.pid'),
    },
  })
}

async function purge({ admin }: RunningEdge, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`http://127.0.0.1:${admin}/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/** Every tag that a machine has on disk as purged. */
async function tagsOf(directory: string): Promise<Set<string>> {
  const { entries } = await readPurgeJournal(join(directory, 'edge/purges'))
  return new Set(entries.flatMap(({ purge: { tags } }) => tags))
}

/** Resolves when both workers of a machine have applied it. */
async function applied({ log }: RunningEdge, name: string): Promise<void> {
  const lines = () => log.filter(({ msg, names }) => msg === 'purge applied' && String(names).includes(name))
  await pollUntil(() => new Set(lines().map(({ pid }) => pid)).size === 2)
}

async function managerOf({ admin }: RunningEdge): Promise<number> {
  const status = await (await fetch(`http://127.0.0.1:${admin}/status`)).json()
  const { processes } = status as { processes: { id: string; pid: number }[] }
  return processes.find(({ id }) => id === 'manager')?.pid ?? NaN
}

function writePage(directory: string, host: string): void {
  const file = join(directory, 'cache', host, 'http/permanent/index.html')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, 'page')
}

await t.test('two machines on one Redis, one of them cut off and back', async (t) => {
  const [first, second] = [temporaryDirectory(t), temporaryDirectory(t)]
  const relay = await startRelay(t, redis.port)
  // Before anything else: young files are not kept in memory.
  writePage(first, 'garden.example')
  const writtenMs = Date.now()
  const a = await startMachine(t, first, redis.port)
  const b = await startMachine(t, second, relay.port)
  await Promise.all([applied(a, 'everything'), applied(b, 'everything')])

  await t.test('a purge reaches every worker of both', async (t) => {
    await pollUntil(() => Date.now() - writtenMs > 2000)
    t.equal((await ask({ port: a.http, host: 'garden.example', protocol: 'http/1.1' })).text, 'page')
    const answer = await purge(a, { hosts: ['garden.example'] })
    t.match(answer, { status: 200, body: { entries: 1, pending: false, names: { 'host garden.example': 1 } } })
    await Promise.all([applied(a, 'host garden.example'), applied(b, 'host garden.example')])
  })

  await t.test('the plain listener does it too', async (t) => {
    const answer = await fetch(`http://127.0.0.1:${b.http}/purge?host=plain.example`)
    t.equal(await answer.text(), 'plain.example: 0\n')
    await applied(a, 'host plain.example')
  })

  await t.test('what either purges while one is cut off reaches the other when it is back', async (t) => {
    relay.cut()
    t.match(await purge(b, { tags: ['from-b'] }), { status: 202, body: { pending: true } })
    t.match(await purge(a, { prefixes: ['https://a.example/x'] }), { status: 200, body: { pending: false } })
    const status = await (await fetch(`http://127.0.0.1:${b.admin}/ready`)).text()
    // The one of before counts as well, until it has been seen to come back.
    t.match(status, /[12] purges have yet to reach the store/)
    relay.mend()
    await Promise.all([applied(a, 'tag from-b'), applied(b, 'prefix //a.example/x')])
  })

  const whole = t
  let again = b
  await t.test('one that was killed with purges on their way brings them when it is started again', async (t) => {
    relay.cut()
    await Promise.all(Array.from({ length: 20 }, async (_, n) => purge(b, { tags: [`killed-${n}`] })))
    process.kill(-(b.process.pid ?? NaN), 'SIGKILL')
    await once(b.process, 'exit')
    relay.mend()
    await purge(a, { tags: ['meanwhile'] })
    again = await startMachine(whole, second, relay.port)
    // Not by lines of the log: of so many purges in a second they are counted.
    await pollUntil(async () => (await tagsOf(second)).has('meanwhile'))
    await pollUntil(async () => {
      const tags = await tagsOf(first)
      return Array.from({ length: 20 }, (_, n) => tags.has(`killed-${n}`)).every(Boolean)
    })
    t.notOk(
      again.log.some(({ names }) => String(names).includes('everything')),
      'nothing was unknown',
    )
  })

  await t.test('a manager that is killed again and again loses nothing that it acknowledged', async (t) => {
    const acknowledged: string[] = []
    let sent = 0
    async function keepPurging(until: number): Promise<void> {
      while (acknowledged.length < until) {
        const tag = `tag-${sent++}`
        const outcome = await purge(again, { tags: [tag] }).catch(() => undefined)
        if (outcome?.status === 200 || outcome?.status === 202) acknowledged.push(tag)
        // Nobody listens until there is a new manager.
        else await delay(20)
      }
    }
    for (const goal of [50, 100]) {
      const purging = Promise.all(Array.from({ length: 8 }, () => keepPurging(goal)))
      await pollUntil(() => acknowledged.length > goal - 40)
      process.kill(await managerOf(again), 'SIGKILL')
      await purging
    }
    for (const directory of [first, second]) {
      await pollUntil(async () => {
        const tags = await tagsOf(directory)
        return acknowledged.every((tag) => tags.has(tag))
      })
    }
    t.ok(acknowledged.length >= 100)
  })
})
