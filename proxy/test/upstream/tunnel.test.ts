import { on, once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { startFront, VISITOR, type Front } from './front.ts'
import { plain, startOrigin, valuesOf } from './origin.ts'
import { sendRaw } from './visitor.ts'

type App = { port: number; requests: IncomingMessage[]; clients: Set<WebSocket>; pings: number }

/** An app that echoes over WebSocket, and lets in only who brings the right cookie. */
async function startApp(t: Test): Promise<App> {
  const server = http.createServer((_, response) => response.end('plain'))
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: () => 'chat' })
  const app: App = { port: 0, requests: [], clients: sockets.clients, pings: 0 }
  server.on('upgrade', (request, socket, head) => {
    app.requests.push(request)
    if (request.headers.cookie !== 'in=1') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nno!\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('ping', () => app.pings++)
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  app.port = (server.address() as AddressInfo).port
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
    server.closeAllConnections()
  })
  return app
}

function open(front: Front, cookie = 'in=1'): WebSocket {
  return new WebSocket(`ws://127.0.0.1:${front.http}/socket?a=1`, ['chat', 'other'], {
    headers: { Host: 'site.example', Cookie: cookie, Authorization: 'Bearer x', 'X-Forwarded-For': '6.6.6.6' },
    origin: 'https://site.example',
  })
}

await t.test('a WebSocket passes: head, messages, pings, end', async (t) => {
  const app = await startApp(t)
  const front = await startFront(t, { upstreams: [app.port] })
  const socket = open(front)
  const [[upgraded]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
    [IncomingMessage],
    unknown,
  ]
  const { headers = {}, url } = app.requests[0] ?? {}
  t.equal(url, '/socket?a=1')
  t.match(headers, { host: 'site.example', origin: 'https://site.example', authorization: 'Bearer x' })
  t.match(headers, { upgrade: 'websocket', 'x-forwarded-for': VISITOR, 'x-forwarded-proto': 'http' })
  t.match(upgraded.headers, { 'blot-server': 'test', 'blot-upstream': `127.0.0.1:${app.port}` })
  t.equal(socket.protocol, 'chat')
  t.match(socket.extensions, 'permessage-deflate')

  const messages = on(socket, 'message')
  const next = async (): Promise<Buffer> => ((await messages.next()).value as [Buffer])[0]
  const large = Buffer.alloc(5_000_000, 'x')
  socket.send(large)
  socket.send('text')
  t.ok((await next()).equals(large))
  t.equal((await next()).toString(), 'text')

  socket.ping('p')
  const [pong] = (await once(socket, 'pong')) as [Buffer]
  t.equal(pong.toString(), 'p')
  t.equal(app.pings, 1, "one ping, the visitor's own")

  const [client] = app.clients
  socket.close(4001, 'enough')
  const [code, reason] = (await once(client as WebSocket, 'close')) as [number, Buffer]
  t.same([code, reason.toString()], [4001, 'enough'])
  await front.over()
  t.match(front.exchanges[0], { upstream: `127.0.0.1:${app.port}`, response: { statusCode: 101 } })
  t.ok((front.exchanges[0]?.bytes ?? 0) > 1000)
  while (front.pool.stats()[0]?.active !== 0) await new Promise(setImmediate)
})

await t.test("the app's 401 is the visitor's 401, and the connection is no tunnel", async (t) => {
  const app = await startApp(t)
  const front = await startFront(t, { upstreams: [app.port] })
  const head = 'GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  const text = await sendRaw(front, head + smuggled, () => false)
  t.match(text, /^HTTP\/1\.1 401 Unauthorized\r\n/)
  t.match(text, /\r\nWWW-Authenticate: Basic\r\n/)
  t.match(text, /\r\nX-Content-Type-Options: nosniff\r\n/)
  t.match(text, /\r\nConnection: close\r\n/)
  t.match(text, /\r\n\r\nno!\n$/, 'one answer, and no more')
  t.equal(app.requests.length, 1)
})

await t.test('a plain answer of any length arrives whole', { timeout: 10_000 }, async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('x'.repeat(3_000_000))))
  const front = await startFront(t, { upstreams: [origin.port] })
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const text = await sendRaw(front, head, () => false)
  t.equal(text.slice(text.indexOf('\r\n\r\n') + 4).length, 3_000_000)
})

await t.test('an app that is down: 502; one that answers plainly: its answer', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('not today')))
  const front = await startFront(t, { upstreams: [origin.port] })
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  t.match(await sendRaw(front, head, () => false), /^HTTP\/1\.1 200 OK\r\n[^]*not today$/)
  await origin.close()
  t.match(await sendRaw(front, head, () => false), /^HTTP\/1\.1 502 [^]*page offline/)
})

await t.test('any protocol passes; each side may end its direction and still be told things', async (t) => {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.endsWith('\r\n\r\n')) return
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nwelcome')
    })
    socket.on('end', () => socket.end(`goodbye ${text.split('\r\n\r\n')[1]}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const front = await startFront(t, { upstreams: [(server.address() as AddressInfo).port] })
  const socket = net.connect({ port: front.http, host: '127.0.0.1', allowHalfOpen: true })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nfirst')
  let text = ''
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString()
    if (text.endsWith('welcome')) socket.end('last')
  }
  t.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*Upgrade: echo\/1\r\n/)
  t.match(text, /\r\n\r\nwelcomegoodbye firstlast$/)
})

await t.test('an app that has said all may still listen', async (t) => {
  const heard = Promise.withResolvers<string>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.endsWith('\r\n\r\n')) return
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: hear/1\r\n\r\nI hear')
    })
    socket.on('end', () => heard.resolve(text.split('\r\n\r\n')[1] ?? ''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const front = await startFront(t, { upstreams: [(server.address() as AddressInfo).port] })
  const socket = net.connect({ port: front.http, host: '127.0.0.1', allowHalfOpen: true })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: hear/1\r\n\r\n')
  socket.resume()
  await once(socket, 'end')
  socket.end('at last')
  t.equal(await heard.promise, 'at last')
})

await t.test('when either side is gone, so is the other', async (t) => {
  const app = await startApp(t)
  const front = await startFront(t, { upstreams: [app.port] })
  const one = open(front)
  await once(one, 'open')
  const [ofOne] = app.clients
  one.terminate()
  await once(ofOne as WebSocket, 'close')
  const two = open(front)
  await once(two, 'open')
  for (const client of app.clients) client.terminate()
  const [code] = (await once(two, 'close')) as [number]
  t.equal(code, 1006)
})

await t.test('a tunnel in which nobody says anything ends, sooner when one side has ended', async (t) => {
  const hour = 3600_000
  const app = await startApp(t)
  const silent = await startFront(t, { upstreams: [app.port], tunnelLimits: { silentMs: 50, halfOpenMs: hour } })
  const socket = open(silent)
  const [code] = (await once(socket, 'close')) as [number]
  t.equal(code, 1006)

  // An app that ends its own direction, and waits for a visitor who says nothing more.
  const left = Promise.withResolvers<void>()
  const server = net.createServer({ allowHalfOpen: true }, (upstream) => {
    upstream.once('data', () => upstream.end('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: hear/1\r\n\r\n'))
    upstream.on('end', left.resolve).on('error', () => left.resolve())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const upstreams = [(server.address() as AddressInfo).port]
  const front = await startFront(t, { upstreams, tunnelLimits: { silentMs: hour, halfOpenMs: 50 } })
  const visitor = net.connect({ port: front.http, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => visitor.destroy())
  visitor.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: hear/1\r\n\r\n')
  visitor.resume()
  await once(visitor, 'end')
  await left.promise
  t.notOk(visitor.writableEnded, 'it was not the visitor who ended')
})

await t.test('h2c is ignored: a plain answer, and no upgrade forwarded', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('plain')))
  const front = await startFront(t, { upstreams: [origin.port] })
  for (const upgrade of ['h2c', 'h2', 'h2c, H2']) {
    const text = await sendRaw(
      front,
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      (sofar) => sofar.endsWith('plain'),
    )
    t.match(text, /^HTTP\/1\.1 200 OK/, upgrade)
    t.same(valuesOf(origin.calls.at(-1) ?? { lines: [] }, 'upgrade'), [])
    t.same(valuesOf(origin.calls.at(-1) ?? { lines: [] }, 'http2-settings'), [])
  }
})
