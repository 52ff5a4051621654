import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { constants, createSecureServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ask } from '../../bench/load/mixed/ask.ts'
import { inPieces } from '../../bench/load/mixed/bodies.ts'
import { createHttp1 } from '../../bench/load/mixed/http1.ts'
import { createHttp2 } from '../../bench/load/mixed/http2.ts'
import type { Incident } from '../../bench/load/mixed/outcomes.ts'
import { createTally, describeIncidents, failedOf } from '../../bench/load/mixed/tally.ts'
import type { Question, Transport } from '../../bench/load/mixed/transport.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { plain, startOrigin, type Call } from '../upstream/origin.ts'

/** A load that sees nothing proves nothing: each thing that can go wrong goes wrong here, and is counted as what it is. */

const GOOD = plain('good')
const HOST = 'a.example'

type Row = {
  readonly name: string
  readonly method?: Question['method']
  /** What the server does with the first request, the second, and so on; at last it answers as it should. */
  readonly server: readonly ((call: Call) => unknown)[]
  /** How many requests the visitor makes, one after the other. */
  readonly requests?: number
  readonly seen: readonly Incident['what'][]
  readonly ok: number
}

const close = ({ socket }: Call): unknown => socket.destroy()
const reset = ({ socket }: Call): unknown => socket.resetAndDestroy()
const answer = ({ socket }: Call): unknown => socket.write(GOOD)
const half = ({ socket }: Call): unknown => socket.write(GOOD.slice(0, -2), () => socket.destroy())
const partOfHead = ({ socket }: Call): unknown => socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.destroy())
const say = (text: string) => (call: Call) => call.socket.write(text)

const ROWS: readonly Row[] = [
  { name: 'all is well', server: [], seen: [], ok: 1 },
  { name: 'a new connection is closed without an answer', server: [close], seen: ['reset'], ok: 0 },
  { name: 'a new connection is reset', server: [reset], seen: ['reset'], ok: 0 },
  { name: 'one that was kept is closed: GET', server: [answer, close], requests: 2, seen: ['retried'], ok: 2 },
  {
    name: 'one that was kept is closed: POST',
    method: 'POST',
    server: [answer, close],
    requests: 2,
    seen: ['reset'],
    ok: 1,
  },
  { name: 'in the head of its second answer', server: [answer, partOfHead], requests: 2, seen: ['reset'], ok: 1 },
  { name: 'it is closed in the body', server: [half], seen: ['cut'], ok: 0 },
  { name: 'a 502', server: [say(plain('good', 'HTTP/1.1 502 Bad Gateway'))], seen: ['wrongStatus'], ok: 0 },
  { name: 'the answer to another question', server: [say(plain('evil'))], seen: ['wrongBody'], ok: 0 },
  { name: 'no answer', server: [() => {}], seen: ['timeout'], ok: 0 },
]

type Seen = {
  readonly incidents: readonly Incident[]
  readonly ok: number
  readonly failed: number
  readonly text: string
}

async function visit(transport: Transport, question: Partial<Question> = {}, requests = 1): Promise<Seen> {
  const tally = createTally()
  const digest = createHash('sha256').update('good').digest('hex')
  for (let request = 0; request < requests; request++) {
    const asked = { method: 'GET', host: HOST, path: '/', ...question } as const
    await ask({ kind: 'visits', transport, tally }, asked, { digest })
  }
  transport.close()
  const report = tally.report()
  return {
    incidents: report.incidents,
    ok: report.kinds['visits']?.ok ?? 0,
    failed: failedOf(report),
    text: describeIncidents(report),
  }
}

for (const { name, method = 'GET', server, requests = 1, seen, ok } of ROWS) {
  await t.test(`HTTP/1.1: ${name}`, async (t) => {
    let calls = 0
    const origin = await startOrigin(t, (call) => (server[calls++] ?? answer)(call))
    const transport = createHttp1({ port: origin.port, secure: false, keepAlive: true })
    const limit = seen.includes('timeout') ? { limitMs: 50 } : {}
    const body = method === 'POST' ? { body: inPieces(Buffer.from('sent'), 2, 1) } : {}
    const result = await visit(transport, { method, ...limit, ...body }, requests)
    t.same(
      result.incidents.map(({ what }) => what),
      seen,
    )
    t.equal(result.ok, ok)
    t.equal(result.failed, seen.filter((what) => what !== 'retried').length, result.text)
    t.ok(
      result.incidents.every(({ port, phase }) => port > 0 || phase === 'connect'),
      'each names its connection, once there is one',
    )
  })
}

await t.test('nobody listens', async (t) => {
  const origin = await startOrigin(t, answer)
  await origin.close()
  for (const transport of [
    createHttp1({ port: origin.port, secure: false, keepAlive: false }),
    createHttp2({ port: origin.port, host: HOST, requestsPerSession: 10 }),
  ]) {
    t.match((await visit(transport)).incidents, [{ what: 'refused', phase: 'connect' }], transport.via)
  }
})

function good(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 })
  stream.end('good')
}

/** A server of HTTP/2 that answers its streams as it is told, one after the other; at last as it should. */
async function startSecure(
  t: Test,
  name: string,
  streams: readonly ((stream: ServerHttp2Stream) => void)[],
): Promise<number> {
  const { chainPem, privateKeyPem } = await makeCertificate(name)
  const server = createSecureServer({ cert: chainPem, key: privateKeyPem, allowHTTP1: true })
  server.on('session', (session) => t.teardown(() => session.destroy()))
  let count = 0
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    const act = streams[count++] ?? good
    act(stream as ServerHttp2Stream)
  })
  server.on('request', (request, response) => request.httpVersion === '1.1' && response.end('good'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

await t.test('HTTP/2: what was refused is asked again and no failure, whatever its method', async (t) => {
  const goAway = (stream: ServerHttp2Stream): unknown => stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1)
  const refuse = (stream: ServerHttp2Stream): unknown => stream.close(constants.NGHTTP2_REFUSED_STREAM)
  for (const act of [goAway, refuse]) {
    const port = await startSecure(t, HOST, [good, (stream) => act(stream)])
    const result = await visit(createHttp2({ port, host: HOST, requestsPerSession: 10 }), { method: 'POST' }, 2)
    t.match(result, { ok: 2, failed: 0, incidents: [{ what: 'refusedStream' }] })
  }
})

await t.test('HTTP/2: a session that ends fails its streams', async (t) => {
  const end = ({ session }: Pick<ServerHttp2Stream, 'session'>): unknown => session?.destroy()
  const cut = (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200 })
    stream.write('go', () => setImmediate(end, stream))
  }
  for (const [act, what] of [
    [end, 'reset'],
    [cut, 'cut'],
  ] as const) {
    const port = await startSecure(t, HOST, [(stream) => act(stream)])
    const result = await visit(createHttp2({ port, host: HOST, requestsPerSession: 10 }))
    t.match(result, { ok: 0, failed: 1, incidents: [{ what }] })
  }
})

await t.test('a session is left after its requests, and the next one is as good', async (t) => {
  const port = await startSecure(t, HOST, [])
  const result = await visit(createHttp2({ port, host: HOST, requestsPerSession: 2 }), {}, 5)
  t.match(result, { ok: 5, failed: 0, incidents: [] })
})

await t.test('a certificate for another name', async (t) => {
  const port = await startSecure(t, 'other.example', [])
  for (const transport of [
    createHttp1({ port, secure: true, keepAlive: true }),
    createHttp2({ port, host: HOST, requestsPerSession: 10 }),
  ]) {
    const { incidents } = await visit(transport)
    t.match(incidents, [{ what: 'wrongCertificate' }], transport.via)
  }
})
