import { plain, valuesOf } from '../../test/upstream/origin.ts'
import { fieldsOf, readAnswer } from '../answer.ts'
import { differs, type Chapter, type Fault } from '../duty.ts'
import type { Stage } from '../stage.ts'
import type { Visitor } from '../visitor.ts'

const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x-made-up\r\nSet-Cookie: a=1\r\n\r\n'
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Extensions: x-made-up',
  'Origin: https://elsewhere.example',
  'Authorization: Basic eDp5',
]
/** RFC 6455 5.5.2, from the app and, masked, from the visitor. */
const PING = '\x89\x00'
const MASKED_PING = '\x89\x80abcd'

export const tunnels: Chapter = {
  title: 'Tunnels',
  duties: [
    {
      name: 'websocket-refused',
      says: 'the app’s 401 to a WebSocket is the visitor’s 401',
      async run({ app, relay }) {
        const head = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="app"\r\nConnection: close'
        app(({ socket }) => socket.end(plain('who are you?', head)))
        const { answer } = await relay({ fields: HANDSHAKE })
        return (
          differs('status', String(answer.status), '401') ??
          differs('WWW-Authenticate', fieldsOf(answer, 'www-authenticate'), ['Basic realm="app"']) ??
          differs('body', answer.body, 'who are you?')
        )
      },
    },
    {
      name: 'websocket-headers',
      says: '`Origin`, `Authorization`, extensions and the headers of the 101 pass',
      async run(stage) {
        stage.app(({ socket }) => socket.write(SWITCHED))
        const visitor = await openTunnel(stage)
        const call = await stage.called()
        const answer = readAnswer(visitor.received, { method: 'GET', closed: false })
        if (answer?.status !== 101) return `answered ${answer?.status}`
        return (
          differs('Origin', valuesOf(call, 'origin'), ['https://elsewhere.example']) ??
          differs('Authorization', valuesOf(call, 'authorization'), ['Basic eDp5']) ??
          differs('extensions offered', valuesOf(call, 'sec-websocket-extensions'), ['x-made-up']) ??
          differs('extensions accepted', fieldsOf(answer, 'sec-websocket-extensions'), ['x-made-up']) ??
          differs('Set-Cookie', fieldsOf(answer, 'set-cookie'), ['a=1'])
        )
      },
    },
    {
      name: 'websocket-bytes',
      says: 'bytes pass both ways untouched; pings are the peers’ own',
      async run(stage) {
        // The first bytes come with the head.
        stage.app(({ socket }) => socket.write(`${SWITCHED}${PING}first`, 'latin1'))
        const visitor = await openTunnel(stage)
        visitor.send(`${MASKED_PING}hello`)
        const call = await stage.called()
        await call.until('hello')
        call.socket.write('last')
        await visitor.until((text) => text.endsWith('last'))
        return (
          differs('the app got', call.received.toString('latin1'), `${MASKED_PING}hello`) ??
          differs('the visitor got', afterHead(visitor), `${PING}firstlast`)
        )
      },
    },
    {
      name: 'half-close',
      says: 'a visitor who has said everything still hears the app',
      async run(stage): Promise<Fault> {
        stage.app(({ socket }) => socket.write(SWITCHED))
        const visitor = await openTunnel(stage)
        const { socket } = await stage.called()
        socket.allowHalfOpen = true
        const ended = new Promise((resolve) => socket.once('end', resolve))
        visitor.socket.end('bye')
        await ended
        socket.write('late')
        const heard = await visitor.until((text) => text.endsWith('late'))
        return heard ? undefined : 'the tunnel is cut'
      },
    },
    {
      name: 'other-upgrade',
      says: 'any other protocol is a tunnel too',
      async run(stage): Promise<Fault> {
        stage.app(({ socket }) =>
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\nwelcome'),
        )
        const visitor = await stage.visit()
        visitor.send(stage.request({ fields: ['Connection: Upgrade', 'Upgrade: chat/2'] }))
        const heard = await visitor.until((text) => text.endsWith('welcome'))
        return heard ? undefined : `answered ${visitor.received.split('\r\n', 1)[0]}`
      },
    },
    {
      name: 'h2c',
      says: '`Upgrade: h2c` is ignored, and never forwarded',
      async run({ app, relay }) {
        app(({ socket }) => socket.end(plain('ok', 'HTTP/1.1 200 OK\r\nConnection: close')))
        const fields = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']
        const { answer, call } = await relay({ fields })
        const leaked = call.lines.find((line) => /^(upgrade|http2-settings):/i.test(line))
        return leaked === undefined ? differs('status', String(answer.status), '200') : `the app got ${leaked}`
      },
    },
    {
      name: 'unasked-switch',
      says: 'a 101 that nobody asked for: 502',
      async run({ app, ask }) {
        app(({ socket }) => socket.end(SWITCHED))
        return differs('status', String((await ask())?.status), '502')
      },
    },
    {
      name: 'connect',
      says: '`CONNECT` is refused',
      async run({ ask, calls }) {
        const line = 'CONNECT elsewhere.example:443 HTTP/1.1'
        const answer = await ask({ line, fields: ['Host: elsewhere.example:443'] })
        if (calls.length > 0) return 'it reached the app'
        return (answer?.status ?? 400) >= 400 ? undefined : `answered ${answer?.status}`
      },
    },
  ],
}

async function openTunnel({ visit, request }: Stage): Promise<Visitor> {
  const visitor = await visit()
  visitor.send(request({ fields: HANDSHAKE }))
  await visitor.until((text) => text.includes('\r\n\r\n'))
  return visitor
}

function afterHead({ received }: Visitor): string {
  return received.slice(received.indexOf('\r\n\r\n') + 4)
}
