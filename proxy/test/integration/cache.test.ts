import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, statSync, truncateSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pollUntil } from '../until.ts'
import { ask, type Answer } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory, type EdgeOptions, type RunningEdge } from './edge.ts'

const HOST = 'garden.blot.localhost'

type App = { readonly url: string; asked: number; close(): void }

/** An app that tells with each answer how often it was asked. */
async function startApp(t: Pick<Test, 'teardown'>): Promise<App> {
  const server = http.createServer((request, response) => {
    if (request.url === '/health') {
      response.end()
      return
    }
    app.asked++
    response.setHeader('Cache-Control', 'max-age=600')
    response.setHeader('Cache-Tag', `path:${request.url}`)
    response.setHeader('Content-Type', 'text/html')
    response.end(`${request.url} ${app.asked}`.padEnd(300))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  t.teardown(close)
  const app = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: 0, close }
  return app
}

function start(t: Test, directory: string, app: App, more: Partial<EdgeOptions> = {}): Promise<RunningEdge> {
  const environment = {
    ...productionEnvironment(directory),
    BLOT_CACHE: 'false',
    EDGE_UPSTREAMS: app.url,
    ...more.environment,
  }
  return startEdge(t, { args: ['run'], directory, environment })
}

function get(edge: RunningEdge, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return ask({ port: edge.http, host: HOST, protocol: 'http/1.1', path, headers })
}

function storedFiles(directory: string): string[] {
  const answers = join(directory, 'cache/.edge/answers')
  if (!existsSync(answers)) return []
  const entries = readdirSync(answers, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

await t.test('answers of the app outlive the edge: a restart, a kill, torn files', async (t) => {
  const directory = temporaryDirectory(t)
  const app = await startApp(t)
  const first = await start(t, directory, app)
  for (const path of ['/a', '/b', '/c']) await get(first, path)
  const hit = await get(first, '/a')
  t.match(hit.headers, { 'blot-cache': 'HIT', 'cache-status': 'blot-edge; hit' })
  await pollUntil(() => storedFiles(directory).length === 3)
  t.equal(statSync(join(directory, 'cache/.edge')).mode & 0o777, 0o700)
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')

  const second = await start(t, directory, app)
  t.match(await get(second, '/a'), { text: hit.text, headers: { 'blot-cache': 'HIT' } })
  t.equal(app.asked, 3)
  await second.stop()
  for (const path of storedFiles(directory)) truncateSync(path, 200)

  const third = await start(t, directory, app)
  t.match((await get(third, '/b')).headers, { 'blot-cache': 'MISS' })
  t.equal(storedFiles(directory).filter((path) => statSync(path).size === 200).length, 2, 'the torn file is gone')
})

await t.test('a purge is remembered by what lies on the disk', async (t) => {
  const directory = temporaryDirectory(t)
  const app = await startApp(t)
  const first = await start(t, directory, app)
  for (const path of ['/a', '/b']) await get(first, path)
  await pollUntil(() => storedFiles(directory).length === 2)
  const purged = await ask({
    port: first.admin,
    host: '127.0.0.1',
    protocol: 'http/1.1',
    method: 'POST',
    path: '/purge',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tags: ['path:/a'] }),
  })
  t.equal(purged.status, 200, purged.text)
  await first.stop()
  const second = await start(t, directory, app)
  t.match((await get(second, '/a')).headers, { 'blot-cache': 'MISS' })
  t.match((await get(second, '/b')).headers, { 'blot-cache': 'HIT' })
})

await t.test(
  'an app that is killed: what is stored is still there; a POST invalidates it in every worker',
  async (t) => {
    const directory = temporaryDirectory(t)
    const app = await startApp(t)
    const edge = await start(t, directory, app, { environment: { EDGE_WORKERS: '2', EDGE_HOLD_MS: '0' } })
    const states = async (): Promise<Set<unknown>> =>
      new Set((await Promise.all(Array.from({ length: 20 }, () => get(edge, '/a')))).map(({ text }) => text.trim()))
    await states()
    await ask({ port: edge.http, host: HOST, protocol: 'http/1.1', method: 'POST', path: '/a', body: 'x' })
    const before = app.asked
    await pollUntil(async () => [...(await states())].every((text) => Number(String(text).split(' ')[1]) > before))
    await states()
    app.close()
    for (let i = 0; i < 10; i++) t.equal((await get(edge, '/a')).status, 200)
    t.equal((await get(edge, '/never-asked')).status, 502)
  },
)

const isRoot = process.getuid?.() === 0
await t.test('a full disk costs nobody an answer', { skip: !isRoot && 'needs a mount' }, async (t) => {
  const directory = temporaryDirectory(t)
  const app = await startApp(t)
  const cache = join(directory, 'cache')
  execFileSync('mkdir', ['-p', cache])
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=777', 'tmpfs', cache])
  t.teardown(() => execFileSync('umount', ['-l', cache]))
  const edge = await start(t, directory, app)
  for (let i = 0; i < 40; i++) t.equal((await get(edge, `/page-${i}`)).status, 200)
  t.match((await get(edge, '/page-39')).headers, { 'blot-cache': 'HIT' })
  const told = await edge.logged(({ msg }) => msg === 'disk cache failed')
  t.match(told, { err: { code: 'ENOSPC' } })
})
