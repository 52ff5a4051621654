import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../store/redis-server.ts'
import { ask, type Answer } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'
import { until } from '../until.ts'

/**
 * An app of two ports that is away, comes back, and is replaced under visitors' hands, behind one edge of two workers. (What an app
 * that is killed loses: `never-drop.test.ts`.)
 */

const HOST = 'garden.blot.localhost'
const WORKERS = 2

const directory = temporaryDirectory(t)
const acts = join(directory, 'acts')
writeFileSync(acts, '')
const ports = [await freePort(), await freePort()] as const

const edge = await startEdge(t, {
  args: ['run'],
  directory,
  environment: {
    ...productionEnvironment(directory),
    BLOT_CACHE: 'false',
    EDGE_UPSTREAMS: ports.map((port) => `http://127.0.0.1:${port}`).join(','),
    EDGE_WORKERS: String(WORKERS),
    // Nobody's time shall be over because this machine is busy.
    EDGE_HOLD_MS: '60000',
  },
})

async function startApp(t: Pick<Test, 'teardown'>, port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'restarting-app.ts'), String(port), acts], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

async function kill(app: ChildProcess): Promise<void> {
  const exited = once(app, 'exit')
  app.kill('SIGKILL')
  await exited
}

function visit(path: string, method = 'GET'): Promise<Answer> {
  const body = method === 'POST' ? { body: 'do it' } : {}
  return ask({ port: edge.http, host: HOST, protocol: 'http/1.1', path, method, ...body })
}

/** How often the app got a request, over all its lives. */
function timesActed(line: string): number {
  return readFileSync(acts, 'utf8')
    .split('\n')
    .filter((one) => one === line).length
}

type Status = {
  processes: { role: string; pid: number; state: string }[]
  upstreams: { url: string; state: string; error?: string }[]
}

async function admin(path: string): Promise<string> {
  return (await ask({ port: edge.admin, host: 'x', authority: '127.0.0.1', protocol: 'http/1.1', path })).text
}

async function statesOfUpstreams(): Promise<string[]> {
  return (JSON.parse(await admin('/status')) as Status).upstreams.map(({ state }) => state)
}

/** Resolves when so many requests wait, in all workers. */
function untilHeld(count: number): Promise<void> {
  const isSo = async (): Promise<boolean> => (await admin('/metrics')).includes(`blot_edge_upstream_held ${count}\n`)
  return until(`${count} requests wait`, isSo)
}

type Outcome = { readonly line: string; readonly status: number }

/** Visitors who come one after the other, several at a time, until they are told to stop. */
function visitors(paths: readonly string[], method: string): { stop(): Promise<Outcome[]> } {
  const agent = new http.Agent({ keepAlive: true })
  const outcomes: Outcome[] = []
  const over = new AbortController()
  let number = 0
  const one = (path: string): Promise<number> =>
    new Promise((resolve) => {
      const options = {
        host: '127.0.0.1',
        port: edge.http,
        method,
        path,
        agent,
        headers: { host: `${HOST}:${edge.http}` },
      }
      const request = http.request(options, (response) => {
        response.resume()
        response.once('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 0))
      })
      request.once('error', () => resolve(0))
      request.end(method === 'POST' ? 'do it' : undefined)
    })
  const loops = paths.map(async (path) => {
    while (!over.signal.aborted) {
      number++
      const target = `${path}${number}`
      outcomes.push({ line: `${method} ${target}`, status: await one(target) })
    }
  })
  return {
    async stop() {
      over.abort()
      await Promise.all(loops)
      agent.destroy()
      return outcomes
    },
  }
}

await t.test(
  'while it is away: what is stored is sent at once, a crowd is one question, and a manager is not needed',
  async (t) => {
    const first = await startApp(t, ports[0])
    t.equal((await visit('/page?stored')).status, 200)
    await kill(first)
    await until('both are away', async () => (await statesOfUpstreams()).every((state) => state === 'away'))
    // Its second is over at some time, and it never is fresh again.
    await until('it is stale', async () => (await visit('/page?stored')).headers['blot-cache'] !== 'HIT')
    for (let i = 0; i < 10; i++)
      t.match(await visit('/page?stored'), { status: 200, headers: { 'blot-cache': 'STALE' } })
    t.match(await admin('/ready'), /does not answer \(ECONNREFUSED\)/)

    const crowd = Array.from({ length: 500 }, () => visit('/page?crowd'))
    const single = visit('/act?crowd', 'POST')
    await untilHeld(WORKERS + 1)
    const { processes } = JSON.parse(await admin('/status')) as Status
    process.kill(processes.find(({ role }) => role === 'manager')?.pid ?? 0, 'SIGKILL')
    const second = await startApp(t, ports[0])
    const statuses = new Set((await Promise.all(crowd)).map(({ status }) => status))
    t.same([...statuses], [200])
    t.ok(timesActed('GET /page?crowd') <= WORKERS, 'once for each worker')
    t.equal((await single).status, 200)
    await kill(second)
  },
)

await t.test('two apps take turns under load, and nobody’s request fails, whatever its method', async (t) => {
  let app = await startApp(t, ports[0])
  await until('it answers', async () => (await visit('/plain')).status === 200)
  const all = [
    visitors(['/plain?f=', '/plain?g=', '/page?h='], 'GET'),
    visitors(['/act?i=', '/act?j=', '/act?k='], 'POST'),
  ]
  for (const port of [ports[1], ports[0]]) {
    const next = await startApp(t, port)
    const isUp = (state: string): boolean => state === 'up' || state === 'starting'
    await until('both are up', async () => (await statesOfUpstreams()).every(isUp))
    const exited = once(app, 'exit')
    app.kill('SIGTERM')
    t.same(await exited, [0, null])
    app = next
  }
  const outcomes = (await Promise.all(all.map((some) => some.stop()))).flat()
  t.same(
    outcomes.filter(({ status }) => status !== 200),
    [],
    `${outcomes.length} requests`,
  )
})
