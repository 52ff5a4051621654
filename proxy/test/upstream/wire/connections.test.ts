import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createCourier } from '../../../src/upstream/courier.ts'
import { createPool } from '../../../src/upstream/pool.ts'
import { pollUntil } from '../../until.ts'
import { startFront } from '../front.ts'
import { plain, startOrigin, valuesOf } from '../origin.ts'
import { ask, PROTOCOLS, sendRaw } from '../visitor.ts'

await t.test('a connection serves one request after another, the most recently used first', async (t) => {
  const held = Promise.withResolvers<void>()
  const origin = await startOrigin(t, async ({ socket, lines }) => {
    if (lines[0]?.includes('/held')) await held.promise
    socket.write(plain('ok'))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  const first = ask(front, 'HTTP/1.1', { path: '/held' })
  while (origin.calls.length < 1) await new Promise(setImmediate)
  for (let i = 0; i < 3; i++) await ask(front, 'HTTP/1.1')
  held.resolve()
  await first
  await ask(front, 'HTTP/1.1')
  t.same(
    origin.calls.map(({ earlier }) => earlier),
    [0, 0, 1, 2, 1],
    'the second connection served three; the first was free last',
  )
})

await t.test('bytes behind an answer never reach another visitor', { timeout: 10_000 }, async (t) => {
  const poison = plain('for somebody else')
  // The connection would be kept for longer than this test may take.
  const mine = plain('mine', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60')
  const origin = await startOrigin(t, ({ socket, lines }) => {
    if (lines[0]?.includes('/later')) socket.write(mine, () => setImmediate(() => socket.write(poison)))
    else socket.write(mine + (lines[0]?.includes('/at-once') ? poison : ''))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  for (const path of ['/at-once', '/later']) {
    t.equal((await ask(front, 'HTTP/1.1', { path })).body.toString(), 'mine')
    await origin.ended()
    t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'mine', `after ${path}`)
    t.equal(origin.calls.at(-1)?.earlier, 0, 'over another connection')
  }
})

for (const [how, head, reused] of [
  ['it says nothing', 'HTTP/1.1 200 OK', true],
  ['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close', false],
  ['Connection: close among others', 'HTTP/1.1 200 OK\r\nConnection: foo, Close', false],
  ['HTTP/1.0', 'HTTP/1.0 200 OK', false],
  ['a time that is nearly over', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1', false],
  ['time enough', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=9', true],
] as const) {
  await t.test(`a connection is ${reused ? '' : 'not '}used again: ${how}`, async (t) => {
    const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok', head)))
    const front = await startFront(t, { upstreams: [origin.port] })
    for (let i = 0; i < 2; i++) await ask(front, 'HTTP/1.1')
    t.equal(origin.calls[1]?.earlier, reused ? 1 : 0)
  })
}

await t.test('an idle connection is let go of before the app would', { timeout: 10_000 }, async (t) => {
  const origin = await startOrigin(t, ({ socket }) =>
    socket.write(plain('ok', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2')),
  )
  const front = await startFront(t, { upstreams: [origin.port] })
  await ask(front, 'HTTP/1.1')
  await origin.ended()
})

await t.test('a connection that the app ended is not used', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok')))
  const front = await startFront(t, { upstreams: [origin.port] })
  for (let i = 0; i < 3; i++) {
    const got = await ask(front, 'HTTP/1.1', { method: 'DELETE' })
    t.equal(got.status, 200, 'a request that is never repeated')
    origin.calls.at(-1)?.socket.end()
    await origin.ended()
  }
})

await t.test('a reader who has had enough just as the answer ends does not spoil the connection', async (t) => {
  const origin = await startOrigin(t, ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n0\r\n\r\n'),
  )
  const pool = createPool({ upstreams: [{ url: `http://127.0.0.1:${origin.port}`, backup: false }] })
  t.teardown(() => pool.close())
  const request = { method: 'GET', body: null, chunked: false, upgrading: false, readMs: 5000 }
  for (let earlier = 0; earlier < 2; earlier++) {
    await new Promise<void>((resolve, reject) => {
      const listener = { onBegin() {}, onInformation() {}, onHead() {}, onData: () => false, onSwitch() {} }
      const head = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
      pool.choose()?.ask({ ...request, head }, { ...listener, onEnd: () => resolve(), onError: reject }, false)
    })
    t.equal(origin.calls.at(-1)?.earlier, earlier)
  }
})

await t.test('requests that each want a connection of their own leave no more of them than one', async (t) => {
  const open = new Set<net.Socket>()
  const origin = await startOrigin(t, ({ socket }) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.write(plain('ok', 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60'))
  })
  const pool = createPool({ upstreams: [{ url: `http://127.0.0.1:${origin.port}`, backup: false }] })
  t.teardown(() => pool.close())
  const courier = createCourier(pool, 443)
  const webhook = { method: 'POST', target: '/', headers: ['Host', 'a', 'Content-Length', '1'], body: Buffer.from('a') }
  for (let i = 0; i < 5; i++) {
    const sent = await courier.send(webhook, { headers: [], limitMs: 5000, signal: new AbortController().signal })
    t.equal(await text(sent.answer), 'ok')
  }
  t.same(new Set(origin.calls.map(({ earlier }) => earlier)), new Set([0]))
  await pollUntil(() => open.size === 1)
})

await t.test('a second try goes over a new connection, when there are more that may be dead', async (t) => {
  let dying = false
  const both = Promise.withResolvers<void>()
  const origin = await startOrigin(t, async ({ socket, earlier }) => {
    if (dying && earlier > 0) {
      socket.destroy()
      return
    }
    if (origin.calls.length === 2) both.resolve()
    await both.promise
    socket.write(plain('ok'))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  await Promise.all([ask(front, 'HTTP/1.1'), ask(front, 'HTTP/1.1')])
  dying = true
  t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'ok')
  t.equal(origin.calls.length, 4, 'of two idle connections, one was tried')
})

await t.test('a visitor who leaves costs the app one connection, and no other is opened', async (t) => {
  let connections = 0
  const origin = await startOrigin(t, () => {})
  const counter = net.createServer((socket) => {
    connections++
    socket
      .pipe(net.connect(origin.port, '127.0.0.1'))
      .on('error', () => {})
      .pipe(socket)
    socket.on('error', () => {})
  })
  counter.listen(0, '127.0.0.1')
  await once(counter, 'listening')
  t.teardown(() => counter.close())
  const front = await startFront(t, { upstreams: [(counter.address() as net.AddressInfo).port] })
  const visitor = net.connect(front.http, '127.0.0.1')
  visitor.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  while (origin.calls.length === 0) await new Promise(setImmediate)
  visitor.destroy()
  await origin.ended()
  while (front.pool.stats().some(({ active }) => active > 0)) await new Promise(setImmediate)
  t.equal(connections, 1)
})

await t.test('the head of a request leaves at once', async (t) => {
  const origin = await startOrigin(t, () => {})
  const front = await startFront(t, { upstreams: [origin.port] })
  const visitor = http.request({ port: front.http, method: 'POST', headers: { Host: 'a', 'Content-Length': 4 } })
  visitor.on('error', () => {})
  visitor.flushHeaders()
  while (origin.calls.length === 0) await new Promise(setImmediate)
  t.match(origin.calls[0]?.lines[0], /^POST/, 'before a byte of its body')
  visitor.destroy()
})

const TRAILERS = { 'X-Sum': '1', Authorization: 'late', Host: 'late.example' }

await t.test('HTTP/1.1: trailers of a request pass, without those that must not come late', async (t) => {
  const origin = await startOrigin(t, async (call) => {
    await call.until('0\r\n')
    await call.until('\r\n\r\n')
    call.socket.write(plain('ok'))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  const request = http.request({ port: front.http, method: 'POST', headers: { Host: 'a', Trailer: 'X-Sum' } })
  request.write('body')
  request.addTrailers(TRAILERS)
  request.end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'close')
  const [call] = origin.calls
  t.equal(call?.received.toString(), '4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n')
  t.same(valuesOf(call ?? { lines: [] }, 'trailer'), ['X-Sum'])
})

await t.test('HTTP/2: trailers of a request pass, without those that must not come late', async (t) => {
  const origin = await startOrigin(t, async (call) => {
    await call.until('\r\n0\r\n')
    call.socket.write(plain('ok'))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  const session = http2.connect(`http://127.0.0.1:${front.h2}`)
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1', authorization: 'late' }))
  stream.end('body')
  stream.resume()
  await once(stream, 'close')
  session.destroy()
  t.equal(origin.calls[0]?.received.toString(), '4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n')
})

for (const protocol of PROTOCOLS) {
  await t.test(`${protocol}: a 100 that nobody asked for is no answer`, async (t) => {
    const origin = await startOrigin(t, ({ socket }) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${plain('ok')}`))
    const front = await startFront(t, { upstreams: [origin.port] })
    const got = await ask(front, protocol)
    t.same([got.status, got.body.toString(), got.information], [200, 'ok', []])
  })
}

await t.test('a switch to a protocol that was not offered is no switch', async (t) => {
  const origin = await startOrigin(t, ({ socket }) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'),
  )
  const front = await startFront(t, { upstreams: [origin.port] })
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'
  t.match(await sendRaw(front, head, () => false), /^HTTP\/1\.1 502 /)
})

await t.test('a request that would be read as two is not sent', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok')))
  const front = await startFront(t, { upstreams: [origin.port] })
  // Its lowest byte is a line feed.
  const got = await ask(front, 'HTTP/2', { path: '/\u0001a' }).catch(() => undefined)
  t.match(got?.status ?? 400, 400)
  t.equal(origin.calls.length, 0)
})
