import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createMonitor, type Monitor } from '../../../src/upstream/health/monitor.ts'
import type { Health } from '../../../src/upstream/health/health.ts'

type App = { readonly url: string; readonly port: number; asked: http.IncomingMessage[]; close(): Promise<void> }
type Answer = (response: http.ServerResponse, number: number) => unknown

async function startApp(t: Test, answer: Answer, port = 0): Promise<App> {
  const server = http.createServer((request, response) => answer(response, app.asked.push(request)))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const bound = (server.address() as AddressInfo).port
  const close = async (): Promise<void> => {
    if (!server.listening) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  t.teardown(close)
  const app: App = { url: `http://127.0.0.1:${bound}`, port: bound, asked: [], close }
  return app
}

type Watched = { readonly monitor: Monitor; readonly seen: string[]; until(verdict: string): Promise<Health> }

/** A monitor of one upstream, and what it told, in order. */
function watch(t: Test, url: string, path: '/health' | 'none' = '/health'): Watched {
  const seen: string[] = []
  const waiting = new Map<string, (health: Health) => void>()
  const monitor = createMonitor({
    upstreams: [{ url, backup: false }],
    path: path === 'none' ? undefined : path,
    onChange([health]) {
      if (health === undefined) return
      seen.push(health.verdict)
      waiting.get(health.verdict)?.(health)
    },
  })
  t.teardown(() => monitor.close())
  const until = (verdict: string): Promise<Health> =>
    new Promise((resolve) => {
      const [health] = monitor.health()
      if (health?.verdict === verdict) resolve(health)
      else waiting.set(verdict, resolve)
    })
  return { monitor, seen, until }
}

await t.test('what the app answers below 500 says that it is alive', async (t) => {
  for (const status of [200, 302, 401, 404, 429]) {
    const app = await startApp(t, (response) => response.writeHead(status).end())
    const { monitor } = watch(t, app.url)
    t.match(await monitor.check([app.url]), [{ verdict: 'up' }], String(status))
    t.match(app.asked[0], { method: 'GET', url: '/health', headers: { connection: 'close' } })
    t.match(app.asked[0]?.headers['user-agent'], /^blot-edge/)
  }
})

await t.test('it goes, it is back; each is told once, and so is that there is somebody again', async (t) => {
  const app = await startApp(t, (response) => response.end())
  const { monitor, seen, until } = watch(t, app.url)
  let backs = 0
  monitor.onBack(() => backs++)
  await monitor.check([app.url])
  await app.close()
  t.match(await monitor.check([app.url]), [{ verdict: 'away', error: 'ECONNREFUSED' }])
  t.ok(monitor.isAway())
  await startApp(t, (response) => response.end(), app.port)
  await until('up')
  t.notOk(monitor.isAway())
  t.same([seen, backs], [['away', 'up'], 1])
})

await t.test(
  'one that asks for a moment is draining, and nobody to be asked; for longer than a moment, it is failing',
  async (t) => {
    let retryAfter = '1'
    const app = await startApp(t, (response) => response.writeHead(503, { 'retry-after': retryAfter }).end())
    const { monitor, until } = watch(t, app.url)
    await until('draining')
    t.ok(monitor.isAway())
    retryAfter = '120'
    t.match(await until('failing'), { error: 'status 503' })
    t.notOk(monitor.isAway())
  },
)

await t.test(
  'one check that fails says nothing, three in a row do, and one besides somebody’s own failure',
  async (t) => {
    const flapping = await startApp(t, (response, number) => response.writeHead(number % 3 === 0 ? 200 : 500).end())
    const flaps = watch(t, flapping.url)
    const hanging = await startApp(t, () => {})
    const hangs = watch(t, hanging.url).monitor.check([hanging.url])
    const failing = await startApp(t, (response) => response.writeHead(500).end())
    await watch(t, failing.url).until('failing')
    t.ok(failing.asked.length >= 3, 'three in a row')
    const suspected = await startApp(t, (response, number) => response.writeHead(number === 1 ? 200 : 500).end())
    const { monitor, until } = watch(t, suspected.url)
    while (suspected.asked.length === 0) await new Promise(setImmediate)
    t.match(await monitor.check([suspected.url]), [{ verdict: 'failing', error: 'status 500' }])
    t.equal(suspected.asked.length, 2)
    await until('failing')
    while (flapping.asked.length < 6) await new Promise((resolve) => setTimeout(resolve, 20))
    t.same(flaps.seen, [])
    t.match(await hangs, [{ verdict: 'failing', error: 'EDGE_ERR_UPSTREAM_TIMEOUT' }], 'it accepts, and hangs')
  },
)

await t.test('without a path, the app never hears of it: only whether it accepts is looked at', async (t) => {
  const app = await startApp(t, (response) => response.end())
  const { monitor, until } = watch(t, app.url, 'none')
  t.match(await monitor.check([app.url]), [{ verdict: 'up' }])
  await app.close()
  t.match(await monitor.check([app.url]), [{ verdict: 'away' }])
  const again = await startApp(t, (response) => response.end(), app.port)
  await until('up')
  t.equal(app.asked.length + again.asked.length, 0)
})
