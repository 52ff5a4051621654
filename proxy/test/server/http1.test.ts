import type { ServerResponse } from 'node:http'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { cut } from '../../src/cut.ts'
import type { Exchange } from '../../src/request.ts'
import { pollUntil } from '../until.ts'
import { answer, HOST, REQUEST, ROOT, serve, talk, type Served } from './serve.ts'

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** An app whose answers wait until they are released: `/begun` after the head and the first byte. */
async function serveSlowly(t: Test): Promise<Served & { asked: Promise<void>; release(): void }> {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const app = (exchange: Exchange): void => {
    const { target } = exchange.head
    if (target !== '/slow' && target !== '/begun') {
      answer(exchange, `answer ${target};`)
      return
    }
    if (target === '/begun') (exchange.response as ServerResponse).write('begun, ')
    asked.resolve()
    void released.promise.then(() => {
      if (target === '/slow') answer(exchange, 'answer /slow;')
      else exchange.response.end('ended;')
    })
  }
  return { ...(await serve(t, { app })), asked: asked.promise, release: released.resolve }
}

await t.test('an Upgrade behind a request that waits for its answer is an ordinary request', async (t) => {
  const edge = await serveSlowly(t)
  const visitor = talk(t, edge.http, `GET /slow ${REQUEST}\r\nGET /socket ${REQUEST}${UPGRADE}`)
  await edge.asked
  edge.release()
  t.match(await visitor.until(/socket;/), /^HTTP\/1\.1 200[^]*answer \/slow;HTTP\/1\.1 200[^]*answer \/socket;$/)
})

await t.test('garbage behind a request does not take the place of its answer', async (t) => {
  for (const [target, whole] of [
    ['/slow', /Connection: close[^]*\r\n\r\nanswer \/slow;$/],
    ['/begun', /\r\nbegun, \r\n[^]*ended;\r\n0\r\n\r\n$/],
  ] as const) {
    const edge = await serveSlowly(t)
    const visitor = talk(t, edge.http, `GET ${target} ${REQUEST}\r\n@garbage@\r\n\r\n`)
    await edge.asked
    visitor.socket.write('and more\r\n\r\n')
    edge.release()
    const received = await visitor.ended
    t.match(received, /^HTTP\/1\.1 200 OK/, target)
    t.match(received, whole, target)
    t.notMatch(received, /400/, target)
  }
})

await t.test('what is no request is told so, and the answer arrives before the connection ends', async (t) => {
  const edge = await serveSlowly(t)
  const cases = [
    ['GET / HTTP/1.1\r\n@@@\r\n\r\n', 400],
    [`GET /\x01 ${REQUEST}\r\n`, 400],
    [`GET / ${REQUEST}X-Large: ${'x'.repeat(200_000)}\r\n\r\n`, 431],
    [`POST /slow ${REQUEST}Transfer-Encoding: chunked\r\n\r\nno number\r\n`, 400],
    [`CONNECT customer.example:443 ${REQUEST}\r\n`, 405],
  ] as const
  for (const [bytes, status] of cases) {
    const received = await talk(t, edge.http, bytes).ended
    const page = `${status} [ \\w]+\n[ ,.\\w]+\nRequest [0-9a-f]{32}\n$`
    t.match(received, new RegExp(`^HTTP/1.1 ${status} [^]*\r\nConnection: close\r\n([^]*\r\n)?\r\n${page}`))
  }
})

await t.test('a body that goes wrong behind its answer brings no second one', async (t) => {
  const edge = await serve(t)
  const visitor = talk(t, edge.http, `GET /found ${REQUEST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`)
  await visitor.until(/found$/)
  visitor.socket.write('no number\r\n')
  t.match(await visitor.ended, /^HTTP\/1\.1 200 [^]*found$/)
})

await t.test('who is refused and never ends the connection does not keep it', async (t) => {
  const edge = await serve(t)
  const refused = [
    `TRACE /socket ${REQUEST}${UPGRADE}`,
    `TRACE /socket ${REQUEST}Content-Length: 9\r\n${UPGRADE}abc`,
    `TRACE / ${REQUEST}Content-Length: 300000\r\n\r\nabc`,
  ]
  const answers = await Promise.all(refused.map((bytes) => talk(t, edge.http, bytes).ended))
  for (const received of answers) t.match(received, /^HTTP\/1\.1 405/)
  await pollUntil(() => edge.server.connections() === 0)
})

await t.test('a refused body is dropped, and the next request is read from behind it', async (t) => {
  const edge = await serve(t)
  const next = `GET /next ${REQUEST}Connection: close\r\n\r\n`
  for (const method of ['TRACE /', 'OPTIONS *', 'GET /found']) {
    const body = 'GET / '.repeat(50_000)
    const visitor = talk(t, edge.http, `${method} ${REQUEST}Content-Length: ${body.length}\r\n\r\n${body}${next}`)
    t.match(await visitor.ended, /^HTTP\/1\.1 (405|200) [^]*HTTP\/1\.1 200 [^]*the app answers \/next$/, method)
  }
})

await t.test('nobody is told to send a body that is not wanted', async (t) => {
  const edge = await serve(t)
  const head = `${REQUEST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`
  t.match(await talk(t, edge.http, `TRACE / ${head}`).ended, /^HTTP\/1\.1 405/)
  t.match(await talk(t, edge.http, `GET /found ${head}`).ended, /^HTTP\/1\.1 200/)
})

await t.test('HTTP/1.0 gets whole answers and its connection closed, unless it asks to keep it', async (t) => {
  const edge = await serve(t)
  const once = await talk(t, edge.http, 'GET /a HTTP/1.0\r\nHost: customer.example\r\n\r\n').ended
  t.match(once, /^HTTP\/1\.1 200[^]*\r\nConnection: close\r\n[^]*the app answers \/a$/)
  const kept = talk(t, edge.http, 'GET /a HTTP/1.0\r\nHost: customer.example\r\nConnection: keep-alive\r\n\r\n')
  await kept.until(/answers \/a$/)
  kept.socket.write('GET /b HTTP/1.0\r\nHost: customer.example\r\n\r\n')
  t.match(await kept.ended, /answers \/b$/)
  t.match(await talk(t, edge.http, 'GET /a HTTP/1.0\r\n\r\n').ended, /^HTTP\/1\.1 403/, 'no Host')
})

await t.test('a cut shows where only the end of the connection ends the answer', async (t) => {
  const edge = await serve(t, {
    app({ response }) {
      ;(response as ServerResponse).write('begun, ', () => cut(response))
    },
  })
  for (const request of [
    `GET / ${REQUEST}\r\n`,
    `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`,
    `ODD / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`,
  ]) {
    const isChunked = request.includes('HTTP/1.1')
    const visitor = talk(t, edge.http, request)
    if (isChunked) t.match(await visitor.ended, /begun, \r\n$/)
    else await t.rejects(visitor.ended, { code: 'ECONNRESET' })
    const secure = tls.connect({ port: edge.https, host: '127.0.0.1', servername: HOST, ca: ROOT })
    const overTls = talk(t, secure, request)
    if (isChunked) t.match(await overTls.ended, /begun, \r\n$/)
    else await t.rejects(overTls.ended, { code: 'ECONNRESET' })
  }
})

await t.test('HEAD on a page of the edge has its length and not its body', async (t) => {
  const edge = await serve(t)
  const visitor = talk(t, edge.http, 'HEAD / HTTP/1.1\r\nHost: two words\r\n\r\n')
  await visitor.until(/\r\n\r\n/)
  visitor.socket.write(`GET /next ${REQUEST}\r\n`)
  const received = await visitor.until(/next$/)
  t.match(received, /^HTTP\/1\.1 400 [^]*Content-Length: [1-9]\d+\r\n[^]*\r\n\r\nHTTP\/1\.1 200 [^]*answers \/next$/)
})
