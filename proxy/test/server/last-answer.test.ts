import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { Exchange } from '../../src/request.ts'
import { pollUntil } from '../until.ts'
import { answer, AMPLE, HOST, REQUEST, ROOT, serve, talk, type Served, type Talk } from './serve.ts'

const LAST = /\r\nConnection: close\r\n/

type App = Served & {
  /** What it was asked, oldest first. */
  readonly asked: string[]
  /** Resolves when it has been asked so often. */
  asking(times: number): Promise<void>
  /** Resolves when so many bytes have been read on the connection of the latest request. */
  reading(bytes: number): Promise<void>
  /** Lets the answers go that wait: to `/slow`, and the rest of the one to `/begun`. */
  release(): void
}

async function serveApp(t: Test): Promise<App> {
  const asked: string[] = []
  const released = Promise.withResolvers<void>()
  let heard = Promise.withResolvers<void>()
  let socket: Socket | undefined
  const edge = await serve(t, {
    app(exchange: Exchange) {
      const { method, target } = exchange.head
      const response = exchange.response as ServerResponse
      socket = response.req.socket
      asked.push(`${method} ${target}`)
      heard.resolve()
      heard = Promise.withResolvers()
      if (target.startsWith('/begun')) response.write('begun, ')
      const end = (): void => {
        if (target.startsWith('/begun')) response.end('ended;')
        else answer(exchange, `answer ${target};`)
      }
      if (/^\/(slow|begun)/.test(target)) void released.promise.then(end)
      else end()
    },
  })
  return {
    ...edge,
    asked,
    async asking(times) {
      while (asked.length < times) await heard.promise
    },
    async reading(bytes) {
      await pollUntil(() => (socket?.bytesRead ?? 0) >= bytes)
    },
    release: released.resolve,
  }
}

function talkSecurely(t: Test, { https }: Served, text: string): Talk {
  return talk(t, tls.connect({ port: https, host: '127.0.0.1', servername: HOST, ca: ROOT }), text)
}

await t.test('a connection that is idle at the drain serves one more request', async (t) => {
  const edge = await serveApp(t)
  const visitors = [
    talk(t, edge.http, `GET /first ${REQUEST}\r\n`),
    talkSecurely(t, edge, `GET /first ${REQUEST}\r\n`),
    talk(t, edge.http, ''),
    talkSecurely(t, edge, ''),
  ]
  await Promise.all(visitors.slice(0, 2).map((visitor) => visitor.until(/first;$/)))
  await pollUntil(() => edge.server.connections() === visitors.length)
  const drained = edge.server.drain(AMPLE)
  for (const visitor of visitors) {
    visitor.socket.write(`POST /last ${REQUEST}Content-Length: 4\r\n\r\nbody`)
    const received = await visitor.ended
    t.match(received, /answer \/last;$/)
    t.match(received.slice(received.lastIndexOf('HTTP/1.1')), LAST)
    visitor.socket.end()
  }
  await drained
})

await t.test(
  'an answer whose head is not out says that it is the last; behind any other one comes one more',
  async (t) => {
    const edge = await serveApp(t)
    const slow = talk(t, edge.http, `GET /slow ${REQUEST}\r\n`)
    const begun = talk(t, edge.http, `GET /begun ${REQUEST}\r\n`)
    await Promise.all([edge.asking(2), begun.until(/begun, /)])
    const drained = edge.server.drain(AMPLE)
    edge.release()
    t.match(await slow.ended, /\r\nConnection: close\r\n[^]*answer \/slow;$/)
    t.match(await begun.until(/\r\n0\r\n\r\n$/), /\r\nConnection: keep-alive\r\n[^]*ended;\r\n0\r\n\r\n$/)
    begun.socket.write(`GET /more ${REQUEST}\r\n`)
    t.match(await begun.ended, /\r\nConnection: close\r\n[^]*answer \/more;$/)
    for (const { socket } of [slow, begun]) socket.end()
    await drained
  },
)

await t.test('of requests that are pipelined, each is answered, and the last answer ends the connection', async (t) => {
  const edge = await serveApp(t)
  const idle = talk(t, edge.http, `GET /found ${REQUEST}\r\n`)
  await idle.until(/found$/)
  const waiting = talk(t, edge.http, `GET /slow ${REQUEST}\r\n`)
  await edge.asking(1)
  const drained = edge.server.drain(AMPLE)
  idle.socket.write(['/found', '/b', '/c'].map((target) => `GET ${target} ${REQUEST}\r\n`).join(''))
  t.same(fates(await idle.ended), ['keep-alive', 'keep-alive', 'keep-alive', 'close'])
  waiting.socket.write(`GET /slow/2 ${REQUEST}\r\n`)
  await edge.asking(4)
  waiting.socket.write(`GET /d ${REQUEST}\r\n`)
  await edge.asking(5)
  edge.release()
  const received = await waiting.ended
  t.match(received, /answer \/slow;HTTP[^]*answer \/slow\/2;HTTP[^]*answer \/d;$/)
  t.same(fates(received), ['keep-alive', 'keep-alive', 'close'])
  for (const { socket } of [idle, waiting]) socket.end()
  await drained
})

function fates(received: string): string[] {
  return [...received.matchAll(/^Connection: (.*)\r$/gm)].map(([, fate = '']) => fate)
}

await t.test('behind an answer that said it was the last, nothing is acted on', async (t) => {
  const edge = await serveApp(t)
  const visitor = talk(t, edge.http, `GET /first ${REQUEST}\r\n`)
  await visitor.until(/first;$/)
  const drained = edge.server.drain(AMPLE)
  visitor.socket.write(`GET /begun ${REQUEST}\r\n`)
  await visitor.until(/Connection: close[^]*begun, /)
  visitor.socket.write(`POST /too-late ${REQUEST}Content-Length: 4\r\n\r\nbody`)
  await edge.reading(visitor.socket.bytesWritten)
  edge.release()
  t.match(await visitor.ended, /begun, [^]*ended;\r\n0\r\n\r\n$/)
  const body = 'x'.repeat(8 * 1024 * 1024)
  visitor.socket.end(`POST /later-still ${REQUEST}Content-Length: ${body.length}\r\n\r\n${body}`)
  t.same(await once(visitor.socket, 'close'), [false], 'it is dropped, without a reset that could overtake the answer')
  await drained
  t.same(edge.asked, ['GET /first', 'GET /begun'])
})

await t.test('a body under way is read to its end, and so is an answer', async (t) => {
  const bytes = 8 * 1024 * 1024
  const got = Promise.withResolvers<number>()
  const edge = await serve(t, {
    app(exchange) {
      if (exchange.head.method === 'GET') {
        answer(exchange, 'x'.repeat(bytes))
        return
      }
      let received = 0
      exchange.request.on('data', (chunk: Buffer) => (received += chunk.length))
      exchange.request.once('end', () => {
        got.resolve(received)
        answer(exchange, 'uploaded')
      })
    },
  })
  const download = talk(t, edge.http, `GET /download ${REQUEST}\r\n`)
  await once(download.socket, 'data')
  download.socket.pause()
  const upload = talk(t, edge.http, `PUT /upload ${REQUEST}Content-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes / 2)}`)
  await pollUntil(() => edge.server.underWay().uploads === 1)
  t.match(edge.server.underWay(), { requests: 1, uploads: 1 })
  const drained = edge.server.drain(AMPLE)
  upload.socket.write('x'.repeat(bytes / 2))
  t.equal(await got.promise, bytes)
  t.match(await upload.ended, /Connection: close\r\n[^]*uploaded$/)
  download.socket.resume()
  await download.until(/x{100}$/)
  while (download.received().length < bytes) await once(download.socket, 'data')
  t.match(edge.server.underWay(), { requests: 0, uploads: 0 })
  for (const { socket } of [upload, download]) socket.destroy()
  await drained
})

await t.test('an idle connection ends after a while, and not under a request that has arrived', async (t) => {
  const edge = await serveApp(t)
  const [idle, busy] = [talk(t, edge.http, ''), talk(t, edge.http, `GET /first ${REQUEST}\r\n`)]
  await busy.until(/first;$/)
  await pollUntil(() => edge.server.connections() === 2)
  const drained = edge.server.drain({ ...AMPLE, idleMs: 20 })
  busy.socket.write(`GET /last ${REQUEST}\r\n`)
  // The time of both is over when the event loop looks again, and the request is there.
  block(100)
  t.match(await busy.ended, /Connection: close\r\n[^]*answer \/last;$/)
  t.equal(await idle.ended, '')
  idle.socket.write(`POST /too-late ${REQUEST}Content-Length: 0\r\n\r\n`)
  for (const { socket } of [idle, busy]) socket.end()
  await drained
  t.same(edge.asked, ['GET /first', 'GET /last'])
})

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

await t.test('a head that never ends keeps no drain from its end', async (t) => {
  const edge = await serveApp(t)
  const slow = talk(t, edge.http, `GET /first ${REQUEST}\r\nGET /dripping HT`)
  await slow.until(/first;$/)
  const drained = edge.server.drain({ ...AMPLE, idleMs: 20 })
  await drained
  t.same(edge.asked, ['GET /first'])
})
