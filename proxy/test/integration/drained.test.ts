import { once } from 'node:events'
import http, { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { processesOf } from '../../bench/servers/edge-processes.ts'
import { post } from '../../bench/servers/reloadable.ts'
import { ask, type Answer } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'
import { until } from '../until.ts'

/** What processes of one generation asked each other, and how they end, while another one takes their place. */

const HOST = 'blot.example'
const SITE = `garden.${HOST}`

let version = 0
const app = createServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    return
  }
  response.setHeader('cache-control', 'max-age=3600')
  response.end(`version ${version}`)
}).listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})
const directory = temporaryDirectory(t)
const edge = await startEdge(t, {
  args: ['run'],
  directory,
  environment: {
    ...productionEnvironment(directory),
    BLOT_HOST: HOST,
    EDGE_UPSTREAMS: `http://127.0.0.1:${(app.address() as AddressInfo).port}`,
    EDGE_WORKERS: '2',
    EDGE_ISSUE_WAIT_MS: '60000',
  },
})

/** Does it again and again. */
function keepDoing(work: (number: number) => Promise<unknown>): { stop(): Promise<number> } {
  const over = new AbortController()
  async function live(): Promise<number> {
    let number = 0
    while (!over.signal.aborted) await work(number++)
    return number
  }
  const living = live()
  return {
    stop() {
      over.abort()
      return living
    },
  }
}

/** @returns the names of the certificate that a visitor of a name gets. */
async function certificateOf(name: string): Promise<string> {
  const socket = tls.connect({ port: edge.https, host: '127.0.0.1', servername: name, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const names = socket.getPeerCertificate().subjectaltname ?? ''
  socket.destroy()
  return names
}

await t.test('what a process waits for from another one comes, whichever generation has it', async (t) => {
  const events = http.get({
    port: edge.http,
    host: '127.0.0.1',
    path: '/events',
    headers: { host: SITE },
    agent: false,
  })
  const [stream] = (await once(events, 'response')) as [IncomingMessage]
  await once(stream, 'data')
  const before = await processesOf(edge)

  // From a worker to the manager that leads, and on to the workers of both generations.
  let stored = 0
  const purges = keepDoing(async () => {
    version++
    await post(edge, '/purge', { hosts: [SITE] })
    const visit = (): Promise<Answer> =>
      ask({ port: edge.http, host: SITE, authority: SITE, protocol: 'http/1.1', path: '/page?v=1' })
    for (const page of [await visit(), await visit()]) {
      stored += Number(page.headers['blot-cache'] === 'HIT')
      if (page.text !== `version ${version}`) t.fail(`${page.text} after a purge for version ${version}`)
    }
  })
  // From a worker to the manager, which may have let go by then.
  const orders = keepDoing(async (number) => {
    const name = `site-${number}.example`
    const names = await certificateOf(name)
    if (names !== `DNS:${name}`) t.fail(`${names} instead of ${name}`)
  })
  await post(edge, '/reload')
  t.pass(`${await purges.stop()} purges, ${await orders.stop()} orders`)
  t.ok(stored > 0, `${stored} answers were stored ones`)

  const old = before.filter(({ role }) => role === 'worker')
  const draining = async (): Promise<number[]> =>
    (await processesOf(edge)).filter(({ pid }) => old.some((one) => one.pid === pid)).map(({ pid }) => pid)
  await until('a worker without a connection ends', async () => (await draining()).length === 1)
  t.equal(stream.destroyed, false, 'the other one has a visitor')
  stream.destroy()
  await until('it ends with its last connection', async () => (await draining()).length === 0)
  const odd = edge.log.filter(({ level, msg }) => level === 'error' || msg === 'ended by force')
  t.same(odd, [], 'each by itself')
})
