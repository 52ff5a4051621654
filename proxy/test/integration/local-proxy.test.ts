import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type tls from 'node:tls'
import t from 'tap'
import { WebSocket, WebSocketServer, type ClientOptions } from 'ws'
import { ask, type Protocol } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

const UPLOAD_BYTES = 100 * 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024, 'blot')

/** Somebody's app on a port of its own, as `dev --upstream` is for. */
const app = createServer((request, response) => void answer(request, response))
const sockets = new WebSocketServer({ server: app })
sockets.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(`heard ${data.toString()}`)))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
const appPort = (app.address() as AddressInfo).port
t.teardown(() => {
  sockets.close()
  app.close()
  app.closeAllConnections()
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/hash') {
    const hash = createHash('sha256')
    await pipeline(request, hash)
    response.end(hash.digest('hex'))
  } else if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: first\n\n')
    // The second event is sent only once the visitor has shown that the first arrived.
    app.once('go', () => response.end('data: second\n\n'))
  } else if (request.url === '/go') {
    app.emit('go')
    response.end()
  } else {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ url: request.url, headers: request.headers }))
  }
}

const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${appPort}`, '--host', 'app.localhost'],
  directory: temporaryDirectory(t),
  environment: { EDGE_HOLD_MS: '0' },
})
const { ca, https } = edge
const site = { port: https, host: 'app.localhost', ca }
const protocols: readonly Protocol[] = ['https/1.1', 'h2']

await t.test('the app sees the visitor’s request, and who asked', async (t) => {
  for (const protocol of protocols) {
    const spoofed = { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', 'x-request-id': 'made-up' }
    const page = await ask({ ...site, protocol, path: '/a%2Fb//c?x=1', headers: spoofed })
    t.equal(page.status, 200, protocol)
    const seen = JSON.parse(page.text) as { url: string; headers: Record<string, string> }
    t.equal(seen.url, '/a%2Fb//c?x=1')
    t.equal(seen.headers['host'], `app.localhost:${https}`)
    t.equal(seen.headers['x-real-ip'], '127.0.0.1')
    t.equal(seen.headers['x-forwarded-for'], '127.0.0.1')
    t.equal(seen.headers['x-forwarded-proto'], 'https')
    t.match(seen.headers['x-request-id'], /^[0-9a-f]{32}$/)
    t.equal(page.headers['blot-upstream'], `127.0.0.1:${appPort}`)
  }
})

await t.test('an upload of 100 MB arrives byte for byte', async (t) => {
  const expected = createHash('sha256')
  for (let sent = 0; sent < UPLOAD_BYTES; sent += CHUNK.length) expected.update(CHUNK)
  const digest = expected.digest('hex')
  const headers = { 'content-length': String(UPLOAD_BYTES), 'content-type': 'text/plain' }
  for (const protocol of protocols) {
    const upload = { ...site, protocol, path: '/hash', method: 'POST', headers, body: Readable.from(chunks()) }
    const page = await ask(upload)
    t.equal(page.status, 200, protocol)
    t.equal(page.text, digest)
  }
})

function* chunks(): Generator<Buffer> {
  for (let sent = 0; sent < UPLOAD_BYTES; sent += CHUNK.length) yield CHUNK
}

await t.test('a WebSocket is a tunnel', async (t) => {
  const options: ClientOptions & tls.ConnectionOptions = {
    ca,
    servername: 'app.localhost',
    headers: { host: `app.localhost:${https}` },
  }
  const socket = new WebSocket(`wss://127.0.0.1:${https}/socket`, options)
  await once(socket, 'open')
  socket.send('hello')
  const [data] = (await once(socket, 'message')) as [Buffer]
  t.equal(data.toString(), 'heard hello')
  socket.close()
  await once(socket, 'close')
  const line = await edge.logged((fields) => fields['target'] === '/socket')
  t.match(line, { status: 101 })
  t.notOk(line['aborted'])
})

await t.test('server-sent events arrive one by one', async (t) => {
  const session = http2.connect(`https://127.0.0.1:${https}`, { servername: 'app.localhost', ca })
  const stream = session.request({ ':authority': `app.localhost:${https}`, ':path': '/events' })
  const [first] = (await once(stream, 'data')) as [Buffer]
  t.equal(first.toString(), 'data: first\n\n')
  const next = once(stream, 'data')
  await ask({ ...site, path: '/go' })
  const [second] = (await next) as [Buffer]
  t.equal(second.toString(), 'data: second\n\n')
  session.destroy()
})

await t.test('only the names that were given get a certificate', async (t) => {
  await t.rejects(ask({ ...site, host: 'other.localhost' }), /unrecognized name/)
})

await t.test('an app that is away is an offline page, in the form that was asked for', async (t) => {
  await new Promise((resolve) => {
    app.close(resolve)
    app.closeAllConnections()
  })
  for (const protocol of protocols) {
    const forms = [
      ['text/html', /<!doctype html>/i],
      ['application/json', /^\{/],
      ['*/*', /^502 /],
    ] as const
    for (const [accept, expected] of forms) {
      const page = await ask({ ...site, protocol, headers: { accept } })
      t.equal(page.status, 502, `${protocol} ${accept}`)
      t.match(page.text, expected)
      t.notMatch(page.text, /ECONNREFUSED|EDGE_ERR/)
    }
  }
  t.match(await edge.logged((line) => line['status'] === 502), { reason: /./ })
})
