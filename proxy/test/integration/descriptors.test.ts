import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { processesOf } from '../../bench/servers/edge-processes.ts'
import { startApp, status } from '../webhooks/app.ts'
import { ask } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'
import { until } from '../until.ts'

/** An edge that may have few files open, beneath a flood of connections, and then one that may open no more at all. */

const HOST = 'blot.example'
const HOOK = '/clients/dropbox/webhook'
const DESCRIPTORS = 256
/** 64 connections fit (`server/descriptors.ts`). */
const FLOOD = 300
const PATIENCE_MS = 60_000

const app = await startApp(t)
const directory = temporaryDirectory(t)
const edge = await startEdge(t, {
  args: ['run'],
  directory,
  under: ['prlimit', `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`],
  environment: {
    ...productionEnvironment(directory),
    BLOT_HOST: HOST,
    EDGE_UPSTREAMS: `http://127.0.0.1:${app.port}`,
  },
})

type Ask = { readonly method?: string; readonly type?: string; readonly body?: string }
type Visitor = { ask(path: string, more?: Ask): Promise<Answer> }
type Answer = { readonly status: number; readonly body: string }

/** Somebody with one connection, which is there before there are too many. */
async function visit(t: Test, agent: http.Agent | https.Agent, port: number, host: string): Promise<Visitor> {
  t.teardown(() => agent.destroy())
  const { request } = agent instanceof https.Agent ? https : http
  async function ask(path: string, { method = 'GET', type = 'text/plain', body = '' }: Ask = {}): Promise<Answer> {
    const headers = { host, 'content-type': type }
    const sent = request({ host: '127.0.0.1', port, path, agent, method, headers, timeout: PATIENCE_MS })
    sent.once('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path}`)))
    const [response] = (await once(sent.end(body), 'response')) as [IncomingMessage]
    return { status: response.statusCode ?? 0, body: await text(response) }
  }
  await ask('/')
  return { ask }
}

function begin(path: string, options: http.RequestOptions = {}): ClientRequest {
  return http.request({
    host: '127.0.0.1',
    port: edge.http,
    path,
    agent: false,
    headers: { host: `a.${HOST}` },
    ...options,
  })
}

function untilLogged(message: string, path?: string): Promise<void> {
  return until(`${message} ${path ?? ''} is in the log`, () =>
    edge.log.some(({ msg, target }) => msg === message && (path === undefined || target === path)),
  )
}

/** The soft limit of a process, set as its own user may. */
function limit(pid: number, descriptors: number): void {
  const [, uid, gid] = /^Uid:\s+(\d+)[^]*^Gid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${descriptors}:`], { uid: Number(uid), gid: Number(gid) })
}

await t.test('a flood is refused at once, and who was there is served', async (t) => {
  const answers: http.ServerResponse[] = []
  app.reply = ({ target, body }, response) => {
    if (target === '/up') {
      response.end(`${body.length} bytes`)
      return
    }
    response.writeHead(200, { 'content-length': '10' }).write('half ')
    answers.push(response)
  }
  const download = begin('/down').end()
  const upload = begin('/up', { method: 'POST', headers: { host: `a.${HOST}`, 'content-length': '10' } })
  upload.write('half ')
  const [down] = (await once(download, 'response')) as [IncomingMessage]

  const flood = Array.from({ length: FLOOD }, () => connect(edge.http, '127.0.0.1').on('error', () => undefined))
  t.teardown(() => flood.forEach((socket) => socket.destroy()))
  let ended = 0
  for (const socket of flood) socket.resume().once('close', () => ended++)
  await until('the rest is refused', () => ended >= FLOOD - 64)
  t.ok(ended < FLOOD, `${FLOOD - ended} of ${FLOOD} have a connection`)
  await untilLogged('connection refused: there are too many')
  t.match(await text(connect(edge.http, '127.0.0.1')), /^HTTP\/1\.1 503 /)
  t.same(await buffer(connect(edge.https, '127.0.0.1')), Buffer.from([21, 3, 3, 0, 2, 2, 80]), 'a fatal alert')

  answers[0]?.end('whole')
  t.equal(await text(down), 'half whole')
  upload.end('whole')
  const [up] = (await once(upload, 'response')) as [IncomingMessage]
  t.equal(await text(up), '10 bytes')
  await untilLogged('request', '/up')

  for (const socket of flood) socket.destroy()
  app.reply = (_received, response) => void response.end('as ever')
  await until('there is room again', async () => {
    const response = await once(begin('/').end(), 'response').catch(() => undefined)
    return response !== undefined && (await text((response as [IncomingMessage])[0])) === 'as ever'
  })
})

await t.test('without a single descriptor, what is acknowledged is done, and the rest is refused', async (t) => {
  const one = { keepAlive: true, maxSockets: 1 }
  const secure = { ...one, servername: HOST, rejectUnauthorized: false }
  const sender = await visit(t, new https.Agent(secure), edge.https, HOST)
  const reader = await visit(t, new http.Agent(one), edge.http, `garden.${HOST}`)
  const operator = await visit(t, new http.Agent(one), edge.admin, '127.0.0.1')
  app.reply = status(204)
  app.received.length = 0
  const acknowledged = { webhooks: [] as string[], tags: [] as string[] }

  async function send(body: string): Promise<number> {
    const answer = await sender.ask(HOOK, { method: 'POST', body })
    if (answer.status === 200) acknowledged.webhooks.push(body)
    return answer.status
  }
  async function purge(tag: string): Promise<number> {
    const body = JSON.stringify({ tags: [tag] })
    const answer = await operator.ask('/purge', { method: 'POST', type: 'application/json', body })
    if (answer.status === 200) acknowledged.tags.push(tag)
    return answer.status
  }

  await app.away()
  t.same([await send('before'), await purge('before')], [200, 200])
  const before = await processesOf(edge)
  const limited = before.filter(({ role }) => role === 'worker' || role === 'manager')
  for (const { pid } of limited) limit(pid, 3)
  const statuses = { webhooks: new Set<number>(), purges: new Set<number>() }
  for (const name of ['one', 'two', 'three']) {
    statuses.webhooks.add(await send(name))
    statuses.purges.add(await purge(name))
    t.ok((await reader.ask(`/?${name}`)).status >= 200, 'whoever has a connection has an answer')
    await untilLogged('request', `/?${name}`)
  }
  t.comment(`webhooks ${[...statuses.webhooks].join(', ')}; purges ${[...statuses.purges].join(', ')}`)
  t.ok([...statuses.webhooks].every((code) => code === 200 || code === 503))
  t.ok([...statuses.purges].every((code) => code === 200 || code >= 500))
  // Whoever comes now is answered or closed, at the latest when there are descriptors again.
  const stranger = ask({ port: edge.http, host: `a.${HOST}`, protocol: 'http/1.1' }).catch(() => undefined)

  for (const { pid } of limited) limit(pid, DESCRIPTORS)
  t.same([await send('after'), await purge('after')], [200, 200])
  await app.back()
  await stranger
  const delivered = (): string[] => app.received.map(({ body }) => body.toString())
  await until('what was acknowledged is delivered', () => delivered().includes('after'))
  t.same(
    delivered().filter((body) => acknowledged.webhooks.includes(body)),
    acknowledged.webhooks,
    'in order',
  )
  const { entries } = await readPurgeJournal(join(directory, 'edge/purges'))
  const tags = entries.flatMap((entry) => entry.purge.tags)
  t.same(
    tags.filter((tag) => acknowledged.tags.includes(tag)),
    acknowledged.tags,
  )
  t.same(
    (await processesOf(edge)).map(({ pid }) => pid),
    before.map(({ pid }) => pid),
    'nobody died of it',
  )
  t.match(await ask({ port: edge.http, host: `new.${HOST}`, protocol: 'http/1.1' }), { status: 204 })
})
