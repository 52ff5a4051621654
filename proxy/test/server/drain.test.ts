import { once } from 'node:events'
import http2, { type ClientHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { ServerRooms } from '../../src/server/server.ts'
import { createHold, HOLD_LIMITS } from '../../src/upstream/hold.ts'
import { registerUpstream } from '../../src/upstream/plugin.ts'
import { createPool } from '../../src/upstream/pool.ts'
import { createTunnel } from '../../src/upstream/tunnel.ts'
import { pollUntil } from '../until.ts'
import { FLAG, frame, PREFACE, TYPE } from '../http2/frames.ts'
import { startOrigin, valuesOf, type Call, type Origin } from '../upstream/origin.ts'
import { acceptOf } from './web-socket.ts'
import { AMPLE, answer, HOST, REQUEST, ROOT, serve, talk, type Found, type Served } from './serve.ts'

const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** An app with streams of events, tunnels that echo, and answers that never come. */
async function serveApp(
  t: Test,
  handle: (call: Call) => unknown = () => undefined,
): Promise<Served & { origin: Origin; called(path: string): Promise<Call[]> }> {
  const origin = await startOrigin(t, (call) => {
    const { lines, socket } = call
    handle(call)
    if (lines[0]?.includes('/events') === true) socket.write(`${EVENTS}${chunk('data: first\n\n')}`)
    if (lines[0]?.includes('/socket') !== true) return
    const accept = acceptOf(valuesOf(call, 'sec-websocket-key')[0])
    const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('data', (bytes: Buffer) => socket.write(bytes))
  })
  const pool = createPool({ upstreams: [{ url: `http://127.0.0.1:${origin.port}`, backup: false }] })
  t.teardown(() => pool.close())
  const hold = createHold(pool, { ...HOLD_LIMITS, holdMs: 0 })
  const upstream: ServerRooms<Found>['upstream'] = (tools) => {
    const options = { pool, hold, config: { httpsPort: 443 }, ...tools }
    return { register: (app) => registerUpstream(app, options), pipe: createTunnel(options) }
  }
  const edge = await serve(t, { rooms: { upstream } })
  const calls = (path: string): Call[] => origin.calls.filter(({ lines }) => lines[0]?.includes(path))
  return {
    ...edge,
    origin,
    async called(path) {
      await pollUntil(() => calls(path).length === 2)
      return calls(path)
    },
  }
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

/** What a stream of HTTP/2 got. */
function listen(stream: ClientHttp2Stream): { until(pattern: RegExp): Promise<void>; closed: Promise<unknown> } {
  let received = ''
  stream.on('data', (bytes: Buffer) => (received += bytes.toString()))
  stream.on('error', () => {})
  stream.on('end', () => stream.end())
  return {
    async until(pattern) {
      while (!pattern.test(received)) await once(stream, 'data')
    },
    closed: new Promise((resolve) => stream.once('close', resolve)),
  }
}

await t.test('requests have one limit, streams of events and tunnels another', async (t) => {
  const edge = await serveApp(t)
  const events = talk(t, edge.http, `GET /events ${REQUEST}\r\n`)
  const socket = talk(t, edge.http, `GET /socket ${REQUEST}${UPGRADE}\r\n`)
  const slow = talk(t, edge.http, `GET /slow ${REQUEST}\r\n`)
  const session = http2.connect(`https://127.0.0.1:${edge.https}`, { servername: HOST, ca: ROOT })
  t.teardown(() => session.destroy())
  await once(session, 'remoteSettings')
  const ask = (path: string, more: Record<string, string> = {}, endStream = true): ClientHttp2Stream =>
    session.request({ ':authority': HOST, ':path': path, ...more }, { endStream })
  const streams = {
    events: ask('/events'),
    socket: ask('/socket', { ':method': 'CONNECT', ':protocol': 'websocket' }, false),
    slow: ask('/slow'),
  }
  const heard = { events: listen(streams.events), socket: listen(streams.socket), slow: listen(streams.slow) }
  await Promise.all([events.until(/first/), heard.events.until(/first/), socket.until(/101[^]*\r\n\r\n/)])
  await Promise.all([edge.called('/slow'), once(streams.socket, 'response')])
  t.same(edge.server.underWay(), { requests: 2, uploads: 0, streams: 2, tunnels: 2 })

  const drained = edge.server.drain(AMPLE)
  void edge.server.drain({ ...AMPLE, limitMs: 0 })
  t.equal(await slow.ended, '', 'a request is cut at its limit')
  await heard.slow.closed
  t.equal(streams.slow.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR)
  t.same(edge.server.underWay(), { requests: 0, uploads: 0, streams: 2, tunnels: 2 })
  for (const { socket: app } of await edge.called('/events')) app.write(chunk('data: second\n\n'))
  socket.socket.write('over HTTP/1.1')
  streams.socket.write('over HTTP/2')
  await Promise.all([events.until(/second/), heard.events.until(/second/)])
  await Promise.all([socket.until(/over HTTP\/1\.1/), heard.socket.until(/over HTTP\/2/)])

  const tunnels = (await edge.called('/socket')).map(({ socket: app }) => once(app, 'end'))
  void edge.server.drain({ ...AMPLE, limitMs: 0, tunnelsMs: 0, idleMs: 20 })
  t.match(await events.ended, /second\n\n\r\n0\r\n\r\n$/, 'a stream of events ends as a whole')
  await Promise.all([socket.ended, ...tunnels])
  await Promise.all([heard.events.closed, heard.socket.closed])
  t.same([streams.events.rstCode, streams.socket.rstCode], [0, 0], 'no stream of HTTP/2 is reset')
  await drained
  t.equal(edge.server.connections(), 0)
})

await t.test('who never ends his side of a connection, or takes nothing of an answer, is not waited for', async (t) => {
  const edge = await serve(t, { app: (exchange) => answer(exchange, 'x'.repeat(32 * 1024 * 1024)) })
  const idle = talk(t, edge.http, `GET /found ${REQUEST}\r\n`)
  await idle.until(/found$/)
  const to = { port: edge.https, host: '127.0.0.1', servername: HOST, ca: ROOT }
  const options = { ...to, allowHalfOpen: true, ALPNProtocols: ['h2'] }
  const second = tls.connect(options)
  second.write(Buffer.concat([PREFACE, frame(TYPE.SETTINGS, FLAG.NONE, 0)]))
  await once(second, 'data')
  second.resume()
  t.teardown(() => second.destroy())
  const drained = edge.server.drain({ ...AMPLE, idleMs: 20 })
  await Promise.all([idle.ended, once(second, 'end')])
  await drained

  const other = await serve(t, { app: (exchange) => answer(exchange, 'x'.repeat(32 * 1024 * 1024)) })
  const lazy = talk(t, other.http, `GET /large ${REQUEST}\r\n`)
  await once(lazy.socket, 'data')
  lazy.socket.pause()
  t.same(other.server.underWay(), { requests: 1, uploads: 0, streams: 0, tunnels: 0 })
  await other.server.drain({ limitMs: 20, tunnelsMs: 20 })
  t.equal(other.server.connections(), 0)
})

await t.test(
  'a visitor who reads slowly has the app wait, and the memory does not fill, while all drains',
  async (t) => {
    const total = 64 * 1024 * 1024
    const piece = Buffer.alloc(1024 * 1024, 'x')
    const edge = await serveApp(t, ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      for (let sent = 0; sent < total; sent += piece.length) socket.write(piece)
    })
    const lazy = connect(edge.http, '127.0.0.1')
    lazy.write(`GET /large ${REQUEST}\r\n`)
    t.teardown(() => lazy.destroy())
    let received = 0
    let drained: Promise<void> | undefined
    let most = 0
    for await (const bytes of lazy as AsyncIterable<Buffer>) {
      received += bytes.length
      drained ??= edge.server.drain(AMPLE)
      const [call] = edge.origin.calls
      const taken = (call?.socket.bytesWritten ?? 0) - (call?.socket.writableLength ?? 0)
      most = Math.max(most, taken - received)
      if (received >= total) break
      // The edge gets a turn for whatever it would do meanwhile.
      for (let turn = 0; turn < 5; turn++) await setImmediate()
    }
    await drained
    t.ok(received >= total, 'it is whole')
    t.ok(most < total / 4, `${most} bytes of ${total} were under way at most`)
  },
)
