import { once } from 'node:events'
import { connect } from 'node:http2'
import type { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import t, { type Test } from 'tap'
import type { Exchange } from '../../src/request.ts'
import { openRaw, type RawOptions } from './raw.ts'
import { AMPLE, answer, HOST, REQUEST, ROOT, serve, talk, type Served } from './serve.ts'

/** What the app saw of each request, a character for each byte. */
type Seen = { method: string; target: string; fields: readonly string[]; body: string }

/** An app that takes note of what it is asked, whole. */
async function serveNoting(t: Test, environment: Record<string, string> = {}): Promise<Served & { seen: Seen[] }> {
  const seen: Seen[] = []
  const app = (exchange: Exchange): void => {
    const { head, request } = exchange
    const note: Seen = { method: head.method, target: head.target, fields: head.rawHeaders, body: '' }
    seen.push(note)
    request.on('data', (chunk: Buffer) => (note.body += chunk.toString('latin1')))
    request.once('end', () => answer(exchange, `heard ${head.method} ${head.target};`))
  }
  const pipe = (exchange: Exchange, socket: Duplex, firstBytes: Buffer): void => {
    socket.write(`tunnel ${exchange.head.target};${firstBytes.toString()}`, 'latin1')
    socket.on('data', (chunk: Buffer) => socket.write(chunk))
    socket.once('end', () => socket.end())
  }
  return { ...(await serve(t, { app, pipe, environment })), seen }
}

function lanesOf(edge: Served): readonly RawOptions[] {
  return [{ port: edge.http }, { port: edge.https, tls: { ca: ROOT, host: HOST } }]
}

const METHODS_OF_STRANGERS = ['ABCDEFGHIJKLMNOPQRST', 'X', 'GETX', 'PLAY', "!#$%&'*+-.^_`|~0aZ", 'Y'.repeat(64)]
const RAW_TARGETS = ['/caf\xc3\xa9', '/\xa0', '/?\xff', '/a/\x80?b=\xfe/..//%2f\\']

await t.test('methods and targets that Node’s parser refuses reach the app byte for byte', async (t) => {
  const edge = await serveNoting(t)
  for (const options of lanesOf(edge)) {
    for (const method of ['GET', 'LOCK', ...METHODS_OF_STRANGERS]) {
      for (const target of ['/plain', ...RAW_TARGETS]) {
        const raw = await openRaw(options)
        raw.send(`${method} ${target} ${REQUEST}X-One: 1\r\nX-Two: \xe9\r\n\r\n`)
        const { status, body } = (await raw.answer()) ?? {}
        raw.destroy()
        t.match({ status, body }, { status: 200, body: `heard ${method} ${target};` })
        t.strictSame(edge.seen.pop()?.fields, ['Host', HOST, 'X-One', '1', 'X-Two', '\xe9'])
      }
    }
  }
})

await t.test('over HTTP/2 too', async (t) => {
  const edge = await serveNoting(t)
  const session = connect(`https://127.0.0.1:${edge.https}`, { servername: HOST, ca: ROOT })
  t.teardown(() => session.destroy())
  for (const [method, target] of [...METHODS_OF_STRANGERS, 'GET'].flatMap((m) => RAW_TARGETS.map((r) => [m, r]))) {
    const stream = session.request({ ':method': method, ':path': target, ':authority': HOST }).end()
    stream.resume()
    await once(stream, 'close')
    t.match(edge.seen.pop(), { method, target })
  }
})

await t.test('a body comes along, whatever packets it comes in', async (t) => {
  const edge = await serveNoting(t)
  const body = 'body\0\xff'.repeat(50_000)
  const chunks = `4\r\nbody\r\n${(100_000).toString(16)}\r\n${body.slice(0, 100_000)}\r\n0\r\n\r\n`
  for (const options of lanesOf(edge)) {
    const sized = await openRaw(options)
    sized.send(`PRINT /\xe9 ${REQUEST}Content-Length: ${body.length}\r\n\r\n${body}`)
    t.match(await sized.answer(), { status: 200, head: /^Connection: close$/m })
    t.equal(edge.seen.pop()?.body, body)
    const chunked = await openRaw(options)
    chunked.send(`PRINT /\xe9 ${REQUEST}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`)
    chunked.send(chunks)
    t.match(await chunked.answer(), { status: 200 })
    t.equal(edge.seen.pop()?.body, `body${body.slice(0, 100_000)}`)
  }
})

await t.test('its answer is the last of its connection, and nothing behind it is heard', async (t) => {
  const edge = await serveNoting(t)
  for (const behind of [`GET /smuggled ${REQUEST}\r\n`, `SMUGGLE / ${REQUEST}\r\n`, 'nonsense\r\n\r\n', '\0']) {
    const received = await talk(t, edge.http, `ODD / ${REQUEST}Content-Length: 2\r\n\r\nok${behind}`).ended
    t.match(received, /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*heard ODD \/;$/)
    t.match(edge.seen.splice(0), [{ method: 'ODD', body: 'ok' }])
    t.equal(edge.seen.length, 0)
  }
})

await t.test('who ends his side behind it still gets the answer', async (t) => {
  const edge = await serveNoting(t)
  const visitor = talk(t, edge.http, `ODD / ${REQUEST}\r\n`)
  visitor.socket.end()
  t.match(await visitor.ended, /heard ODD \/;$/)
})

await t.test('it is bound by every other rule', async (t) => {
  const edge = await serveNoting(t)
  const cases = [
    [`ODD / HTTP/1.1\r\n\r\n`, 400],
    [`ODD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, 400],
    [`ODD / ${REQUEST}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`, 400],
    [`ODD / ${REQUEST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`ODD / ${REQUEST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    [`ODD / HTTP/1.0\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`ODD / ${REQUEST}X : y\r\n\r\n`, 400],
    [`ODD / ${REQUEST}X: y\r\n z\r\n\r\n`, 400],
    [`ODD / ${REQUEST}X: ${'y'.repeat(33_000)}\r\n\r\n`, 431],
    [`GET /${'\xe9'.repeat(20_000)} ${REQUEST}X: ${'y'.repeat(15_000)}\r\n\r\n`, 431],
    [`ODD / ${REQUEST}${'X: y\r\n'.repeat(256)}\r\n`, 431],
    [`ODD * ${REQUEST}\r\n`, 400],
    [`ODD page ${REQUEST}\r\n`, 400],
    [`ODD  / ${REQUEST}\r\n`, 400],
    [`ODD /\xe9  ${REQUEST}\r\n`, 400],
    [`ODD / HTTP/1.1\nHost: ${HOST}\r\n\r\n`, 400],
    [`ODD / HTTP/1.2\r\nHost: ${HOST}\r\n\r\n`, 400],
    [`ODD / HTTP/2.0\r\nHost: ${HOST}\r\n\r\n`, 400],
    [`\r\nODD / ${REQUEST}\r\n`, 400],
    [`CONNECT ${HOST}:443\xe9 ${REQUEST}\r\n`, 400],
    [`TRACE /\xe9 ${REQUEST}\r\n`, 405],
  ] as const
  for (const [bytes, status] of cases) {
    const received = await talk(t, edge.http, bytes).ended
    t.match(received, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 60))
    t.same(edge.seen, [])
  }
})

await t.test('an odd method is never answered as GET or HEAD would be', async (t) => {
  const edge = await serveNoting(t)
  t.match(await talk(t, edge.http, `HEADX /health ${REQUEST}\r\n`).ended, /heard HEADX \/health;$/)
  const head = await talk(t, edge.http, `HEAD /found\xe9 ${REQUEST}\r\n`).ended
  t.match(head, /^HTTP\/1\.1 200 [^]*Content-Length: 5\r\n[^]*\r\n\r\n$/, 'and a HEAD stays one')
  const redirect = await talk(t, edge.http, `GET /caf\xc3\xa9 HTTP/1.1\r\nHost: blot.example\r\n\r\n`).ended
  t.match(redirect, /^HTTP\/1\.1 301 [^]*\r\nLocation: https:\/\/blot\.example:8443\/caf%C3%A9\r\n/)
})

await t.test('a tunnel may have a raw target', async (t) => {
  const edge = await serveNoting(t)
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const visitor = talk(t, edge.http, `GET /s\xe9 ${REQUEST}${upgrade}first`)
  await visitor.until(/^tunnel \/s\xe9;first$/)
  visitor.socket.write(', then')
  await visitor.until(/first, then$/)
  visitor.socket.end()
  await finished(visitor.socket)
})

await t.test('a raw target may come on a connection that was used before, once it is quiet', async (t) => {
  const edge = await serveNoting(t)
  const visitor = talk(t, edge.http, `POST /a ${REQUEST}Content-Length: 1\r\n\r\na`)
  await visitor.until(/heard POST \/a;/)
  visitor.socket.write(`GET /\xe9 ${REQUEST}\r\n`, 'latin1')
  t.match(await visitor.ended, /heard GET \/\xe9;$/)
  const pipelined = await talk(t, edge.http, `GET /a ${REQUEST}\r\nGET /\xe9 ${REQUEST}\r\n`).ended
  t.match(pipelined, /\r\nConnection: close\r\n[^]*heard GET \/a;$/, 'not while an answer is under way')
})

await t.test('it may wait for the rest of its head as long as others, and no longer than a drain', async (t) => {
  const edge = await serveNoting(t)
  const visitor = talk(t, edge.http, `ODD / HTTP/1.1\r\n`)
  await new Promise((resolve) => setImmediate(resolve))
  visitor.socket.write(`Host: ${HOST}\r\n\r\n`)
  t.match(await visitor.ended, /heard ODD \/;$/)
  visitor.socket.destroy()
  await edge.server.drain(AMPLE)
})

await t.test('a PROXY header before it is no part of the connection', async (t) => {
  const environment = { EDGE_PROXY_PROTOCOL: 'true', EDGE_TRUSTED_PROXIES: '127.0.0.1' }
  const edge = await serveNoting(t, environment)
  const header = 'PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n'
  const request = `ODD /\xe9 ${REQUEST}\r\n`
  const together = await talk(t, edge.http, header + request).ended
  t.match(together, /heard ODD \/\xe9;$/, 'in one packet')
  const raw = await openRaw({ port: edge.http, before: Buffer.from(header), slowly: true })
  raw.send(request)
  t.match(await raw.answer(), { status: 200, body: 'heard ODD /\xe9;' })
})

/** A generator of its own, so that a failure can be seen again: xorshift32. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const SEED = 20_261_123
const ROUNDS = 400
const LETTERS = ['A', 'UN', 'LOCK', 'GET', 'BIND', 'P', 'PROP', 'PATCH', 'X', '-', 'a']
const PIECES = ['/', 'a', '\xc3\xa9', '?', '%2f', '\x80', 'http://', ' ', '*', '#', '\\']

await t.test('what comes out is what went in, or 400: whatever it is made of and in whatever packets', async (t) => {
  const edge = await serveNoting(t)
  const random = createRandom(SEED)
  const some = (from: readonly string[], most: number): string =>
    Array.from({ length: 1 + random(most) }, () => from[random(from.length)]).join('')
  let heard = 0
  for (let round = 0; round < ROUNDS; round++) {
    edge.seen.length = 0
    const method = some(LETTERS, 3)
    const target = random(4) === 0 ? some(PIECES, 6) : `/${some(PIECES, 6)}`
    const body = random(2) === 0 ? '' : 'GET /inner HTTP/1.1\r\n\r\n'
    const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
    const first = random(2) === 0 ? `GET /before ${REQUEST}\r\n` : ''
    const bytes = `${first}${method} ${target} ${REQUEST}${length}\r\n${body}`
    const split = random(3) === 0 ? bytes.length : random(bytes.length)
    const visitor = talk(t, edge.http, bytes.slice(0, split))
    // In packets of their own, as far as the loop allows.
    await new Promise((resolve) => setImmediate(resolve))
    visitor.socket.write(bytes.slice(split), 'latin1')
    visitor.socket.end()
    await visitor.ended.catch(() => undefined)
    const seen = edge.seen.filter((request) => request.target !== '/before')
    const whole = seen.every((request) => {
      // RFC 9112 3 lets a recipient pass over more than one space, and Node's parser does.
      const inTarget = request.target === target.trim() || target.startsWith('http://')
      return request.method === method && inTarget && request.body === body
    })
    heard += seen.length
    if (seen.length > 1 || !whole) t.fail(`round ${round}`, { bytes, split, seen })
  }
  t.ok(heard > ROUNDS / 10, `${heard} of them were allowed`)
})
