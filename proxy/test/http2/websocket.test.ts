import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import http2, { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
import { pollUntil } from '../until.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { FLAG, SETTING, type Field } from './frames.ts'
import { HOST, pseudoFields, request, type RequestOptions } from './row.ts'
import { openWire } from './wire.ts'

const BIG_BYTES = 8 * 1024 * 1024
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'

const CHUNK = Buffer.alloc(64 * 1024, 'x')
/** What the kernel holds of a connection on this machine, and the windows of HTTP/2. */
const ON_THE_WAY_BYTES = 16 * 1024 * 1024
/** In as many, an app whose bytes were all taken would have sent many times that. */
const TURNS = 300

/** The app's side of a tunnel that it floods. */
let flooded: Socket | undefined
/** What the app got last. */
let asked: IncomingMessage | undefined
const origin = createServer((_request, response) => response.end('a page'))
const webSockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1) ?? false })
webSockets.on('connection', (socket) => socket.on('message', (text: Buffer) => socket.send(`heard ${text.toString()}`)))
origin.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
  asked = request
  socket.on('error', () => {})
  if (request.url?.startsWith('/chat') === true) {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => webSockets.emit('connection', webSocket, request))
    return
  }
  if (request.url === '/silent') {
    socket.resume().once('end', () => socket.end())
    return
  }
  const text = answers[request.url ?? '']
  if (text !== undefined) {
    socket.end(text)
    return
  }
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write(`${SWITCH}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
  if (request.url === '/flood') {
    flooded = socket
    const flow = (): void => {
      while (socket.write(CHUNK));
    }
    socket.on('drain', flow)
    flow()
  } else if (request.url === '/echo') {
    socket.pipe(socket)
  } else if (request.url === '/last') {
    socket.resume().once('end', () => socket.end('the last word'))
  } else {
    socket.resume().once('data', () => socket.resetAndDestroy())
  }
})
const answers: Record<string, string> = {
  '/denied': 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 6\r\n\r\ndenied',
  '/page': 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na page',
  '/wrong': `${SWITCH}Sec-WebSocket-Accept: bm90aGluZw==\r\n\r\n`,
  '/none': `${SWITCH}\r\n`,
}
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
t.teardown(() => {
  webSockets.close()
  origin.close()
  origin.closeAllConnections()
})
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--host', HOST],
  directory: temporaryDirectory(t),
})
const options = { port: edge.https, host: HOST, ca: edge.ca }

/** A connection of Node's own client, which has heard what the edge offers. */
async function connect(t: Test): Promise<ClientHttp2Session> {
  const session = http2.connect(`https://127.0.0.1:${edge.https}`, { servername: HOST, ca: edge.ca })
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  return session
}

function open(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': path,
      ':authority': HOST,
      'sec-websocket-version': '13',
      ...headers,
    },
    { endStream: false },
  )
  stream.on('error', () => {})
  return stream
}

async function headOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
  return head
}

async function bodyOf(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** One text message of under 126 bytes, masked as a client's must be (RFC 6455 5.2). */
function message(text: string): Buffer {
  const mask = randomBytes(4)
  const masked = Buffer.from(text).map((byte, i) => byte ^ (mask[i % 4] ?? 0))
  return Buffer.concat([Buffer.from([0x81, 0x80 | masked.length]), mask, masked])
}

await t.test('a WebSocket runs in a stream, beside others and beside pages', async (t) => {
  const session = await connect(t)
  t.equal(session.remoteSettings.enableConnectProtocol, true)
  const first = open(session, '/chat?room=1', { 'sec-websocket-protocol': 'a, b', origin: `https://${HOST}` })
  const head = await headOf(first)
  const second = open(session, '/chat')
  t.equal(head[':status'], 200)
  t.equal(head['sec-websocket-protocol'], 'b')
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection']) t.notOk(name in head, name)
  t.equal((await headOf(second))[':status'], 200)
  for (const [stream, text] of [
    [second, 'two'],
    [first, 'one'],
  ] as const) {
    stream.write(message(text))
    const [answer] = (await once(stream, 'data')) as [Buffer]
    t.equal(answer.subarray(2).toString(), `heard ${text}`)
  }
  const page = session.request({ ':path': '/', ':authority': HOST })
  t.equal(await bodyOf(page), 'a page')
  first.end()
  second.end()
  await once(first, 'close')
  const line = await edge.logged(({ target }) => target === '/chat?room=1')
  t.match(line, { method: 'GET', status: 200, version: '2.0', requestId: /^[0-9a-f]{32}$/ })
  t.notOk(line['aborted'])
})

await t.test('the app gets the Upgrade of HTTP/1.1', async (t) => {
  const session = await connect(t)
  const forged = {
    'sec-websocket-key': 'Zm9yZ2VkIGJ5IGEgdmlzaXQ=',
    'x-forwarded-for': '203.0.113.9',
    cookie: 'a=1; b=2',
  }
  const stream = open(session, '/chat', { ...forged, origin: `https://${HOST}` })
  await headOf(stream)
  const { method, httpVersion, headers, rawHeaders = [] } = asked ?? {}
  t.equal(method, 'GET')
  t.equal(httpVersion, '1.1')
  t.match(headers, {
    host: HOST,
    upgrade: 'websocket',
    connection: /upgrade/i,
    origin: `https://${HOST}`,
    cookie: 'a=1; b=2',
    'sec-websocket-version': '13',
    'x-real-ip': '127.0.0.1',
  })
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  t.equal(names.filter((name) => name === 'sec-websocket-key').length, 1)
  t.match(headers?.['sec-websocket-key'], /^[+/0-9A-Za-z]{22}==$/)
  t.not(headers?.['sec-websocket-key'], forged['sec-websocket-key'])
  t.equal(headers?.['x-forwarded-for'], '127.0.0.1')
})

await t.test('bytes pass both ways as they are, at the pace of the slower side', async (t) => {
  const stream = open(await connect(t), '/echo')
  await headOf(stream)
  const sent = randomBytes(BIG_BYTES)
  stream.end(sent)
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk as Buffer)
  t.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'))
})

await t.test('a side that has ended still hears the other', async (t) => {
  const stream = open(await connect(t), '/last')
  await headOf(stream)
  stream.end('the visitor’s')
  t.equal(await bodyOf(stream), 'the last word')
  t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
})

await t.test('RFC 8441 5: a reset is told as one', async (t) => {
  const session = await connect(t)
  const byApp = open(session, '/reset')
  await headOf(byApp)
  byApp.write('x')
  await once(byApp, 'close')
  t.equal(byApp.rstCode, constants.NGHTTP2_CANCEL)

  const byVisitor = open(session, '/echo')
  await headOf(byVisitor)
  const { socket } = asked ?? {}
  byVisitor.close(constants.NGHTTP2_CANCEL)
  if (socket?.destroyed === false) await once(socket, 'close')
  t.ok(socket?.destroyed, 'the app’s connection has ended')
  t.equal(await bodyOf(session.request({ ':path': '/', ':authority': HOST })), 'a page', 'the others go on')
})

await t.test('what is no tunnel never looks like one', async (t) => {
  const session = await connect(t)
  const cases = [
    ['/denied', 401, /^denied$/, /^$/],
    ['/page', 502, /^502 /, /UPGRADE_INVALID/],
    ['/wrong', 502, /^502 /, /UPGRADE_INVALID/],
    ['/none', 502, /^502 /, /UPGRADE_INVALID/],
  ] as const
  for (const [path, status, body, reason] of cases) {
    const stream = open(session, path, { 'user-agent': path })
    const head = await headOf(stream)
    t.equal(head[':status'], status, path)
    t.match(await bodyOf(stream), body, path)
    t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR, `${path}: the answer is whole`)
    const line = await edge.logged(({ userAgent }) => userAgent === path)
    t.match(line['reason'] ?? '', reason, path)
  }
})

await t.test('all streams of a connection may be WebSockets', async (t) => {
  const session = await connect(t)
  const streams = Array.from({ length: session.remoteSettings.maxConcurrentStreams ?? 0 }, () => open(session, '/echo'))
  t.equal(streams.length, 128)
  const echoes = streams.map(async (stream, i) => {
    await headOf(stream)
    stream.end(`echo ${i}`)
    return bodyOf(stream)
  })
  t.strictSame(
    await Promise.all(echoes),
    streams.map((_, i) => `echo ${i}`),
  )
})

await t.test('one that is not read holds up neither the others nor the app’s memory', async (t) => {
  const session = await connect(t)
  const [stalled, other] = [open(session, '/flood'), open(session, '/echo')]
  await Promise.all([headOf(stalled), headOf(other)])
  for (let turn = 0; turn < TURNS; turn++) {
    other.write(`turn ${turn}`)
    const [heard] = (await once(other, 'data')) as [Buffer]
    if (String(heard) !== `turn ${turn}`) t.fail(`turn ${turn}: ${String(heard)}`)
  }
  const sent = flooded?.bytesWritten ?? 0
  t.ok(sent < ON_THE_WAY_BYTES, `the app could send ${sent} bytes`)
  stalled.close(constants.NGHTTP2_CANCEL)
  await pollUntil(() => flooded?.closed === true)
})

await t.test('who leaves before the app has answered takes the app’s connection along', async (t) => {
  const session = await connect(t)
  for (const leave of [
    (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL),
    () => session.destroy(),
  ]) {
    const called = once(origin, 'upgrade')
    const stream = open(session, '/silent')
    const [, socket] = (await called) as [IncomingMessage, Socket]
    const closed = once(socket, 'close')
    leave(stream)
    await closed
    t.ok(socket.destroyed)
  }
})

await t.test('who has nothing to say may still listen', async (t) => {
  const session = await connect(t)
  const stream = open(session, '/last')
  stream.end()
  t.equal((await headOf(stream))[':status'], 200)
  t.equal(await bodyOf(stream), 'the last word')
})

function extended(protocol: string, rest: readonly Field[] = pseudoFields('CONNECT', '/chat')): RequestOptions {
  return { pseudo: [...rest, [':protocol', protocol]], flags: FLAG.END_HEADERS }
}

await t.test('an Extended CONNECT keeps to its rules', async (t) => {
  const rows: readonly (readonly [string, RequestOptions, string])[] = [
    ['RFC 9220 3: a protocol that nobody knows', extended('connect-udp'), '501'],
    [
      'RFC 8441 4: without :path',
      extended(
        'websocket',
        pseudoFields('CONNECT').filter(([name]) => name !== ':path'),
      ),
      'stream PROTOCOL_ERROR',
    ],
    [
      'RFC 8441 4: without :scheme',
      extended(
        'websocket',
        pseudoFields('CONNECT').filter(([name]) => name !== ':scheme'),
      ),
      'stream PROTOCOL_ERROR',
    ],
    ['RFC 8441 4: :protocol with GET', extended('websocket', pseudoFields('GET')), 'stream PROTOCOL_ERROR'],
    ['an invalid target', extended('websocket', pseudoFields('CONNECT', '/#x')), '400'],
  ]
  for (const [name, wrong, expected] of rows) {
    const wire = await openWire(options)
    const [announced] = wire.frames
    t.ok(announced?.payload.includes(Buffer.from([0, SETTING.ENABLE_CONNECT_PROTOCOL, 0, 0, 0, 1])), 'it is offered')
    wire.send(request(1, wrong))
    t.equal(await wire.outcome(1), expected, name)
    wire.destroy()
  }
})
