import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { FLAG, frame, TYPE } from '../http2/frames.ts'
import { pseudoFields, request, type RequestOptions } from '../http2/row.ts'
import { openWire } from '../http2/wire.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { openRaw, type RawOptions } from './raw.ts'
import { refusalRows } from './refusal-rows.ts'

const HOST = 'app.localhost'
const seen: string[] = []
const origin = createServer((request, response) => {
  seen.push(request.url ?? '')
  request.resume()
  request.on('end', () => response.end(`heard ${request.method} ${request.url}`))
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
t.teardown(() => {
  origin.close()
  origin.closeAllConnections()
})
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--host', HOST],
  directory: temporaryDirectory(t),
})
const lanes: readonly (readonly [string, RawOptions])[] = [
  ['HTTP/1.1', { port: edge.http }],
  ['HTTP/1.1 over TLS', { port: edge.https, tls: { ca: edge.ca, host: HOST } }],
]

for (const [lane, options] of lanes) {
  await t.test(`over ${lane}, what must not pass is refused, with a reason in the log alone`, async (t) => {
    for (const { name, send, status, reason } of refusalRows) {
      seen.length = 0
      const before = edge.log.length
      const raw = await openRaw(options)
      raw.send(send)
      const answer = await raw.answer()
      raw.destroy()
      t.equal(answer?.status, status, name)
      t.same(seen, [], `${name}: the app does not see it`)
      const line = await edge.logged((fields) => 'method' in fields && edge.log.indexOf(fields) >= before)
      t.match(line, { status, reason }, `${name}: the reason is in the log`)
      t.match(line['requestId'], /^[0-9a-f]{16}0*[1-9a-f]/, `${name}: under an id of its own`)
      if (answer === undefined) continue
      t.notMatch(answer.head + answer.body, String(line['reason']), `${name}: and not in the page`)
      t.match(answer.body, String(line['requestId']), `${name}: which shows the id`)
    }
  })
}

const HEAD = `HTTP/1.1\r\nHost: ${HOST}\r\n`

for (const [lane, options] of lanes) {
  await t.test(`over ${lane}, nothing behind the last request takes the place of its answer`, async (t) => {
    for (const behind of ['nonsense\r\n\r\n', `GET /smuggled ${HEAD}\r\n`, '\0'.repeat(1000)]) {
      seen.length = 0
      const raw = await openRaw(options)
      raw.send(`GET /last ${HEAD}Connection: close\r\n\r\n${behind}`)
      t.match(await raw.answer(), { status: 200, body: 'heard GET /last' })
      t.equal(await raw.rest(), '', 'and nothing comes after it')
      t.same(seen, ['/last'])
    }
  })

  await t.test(`over ${lane}, garbage behind a body is no part of it`, async (t) => {
    const raw = await openRaw(options)
    raw.send(`POST /first ${HEAD}Content-Length: 2\r\n\r\nokGARBAGE\r\n\r\n`)
    t.match(await raw.answer(), { status: 200, body: 'heard POST /first' })
    raw.destroy()
  })

  await t.test(`over ${lane}, what is odd but allowed passes`, async (t) => {
    const raw = await openRaw(options)
    raw.send(`GET http://${HOST}/absolute?x=1 HTTP/1.1\r\nHost: made.up\r\n\r\n`)
    t.match(await raw.answer(), { status: 200, body: 'heard GET /absolute?x=1' })
    raw.send(`OPTIONS * ${HEAD}\r\n`)
    t.match(await raw.answer(), { status: 200, head: /^Allow: GET, HEAD/m })
    raw.send(`POST /chunked ${HEAD}Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-T: y\r\n\r\n`)
    t.match(await raw.answer(), { status: 200, body: 'heard POST /chunked' })
    raw.send(`PROPFIND /a\\b/../c%2Fd?e?f ${HEAD}\r\n`)
    t.match(await raw.answer(), { status: 200, body: 'heard PROPFIND /a\\b/../c%2Fd?e?f' })
    raw.destroy()
  })
}

type Http2Refusal = RequestOptions & { name: string; status: number; reason: string }

function authority(value: string): RequestOptions {
  return { pseudo: pseudoFields().map(([name, old]) => [name, name === ':authority' ? value : old]) }
}

/** What HTTP/2 lets through to the stages; the rest ends the stream before there is a request (`test/http2`). */
const http2Refusals: readonly Http2Refusal[] = [
  { name: 'an invalid host', ...authority('app..localhost'), status: 400, reason: 'invalid host' },
  { name: 'an address that is none', ...authority('1.2.3.4.5'), status: 400, reason: 'invalid host' },
  { name: 'a port out of range', ...authority(`${HOST}:99999`), status: 400, reason: 'invalid host' },
  { name: 'two different hosts', extra: [['host', 'other.localhost']], status: 400, reason: 'two different hosts' },
  { name: 'a fragment', path: '/#here', status: 400, reason: 'invalid target' },
  {
    name: 'a site of another certificate',
    ...authority('other.localhost'),
    status: 421,
    reason: 'not the name of the',
  },
  { name: 'a method that looks like GET', method: 'get', status: 400, reason: 'invalid method' },
  { name: 'a method of 65 bytes', method: 'X'.repeat(65), status: 400, reason: 'invalid method' },
  { name: 'TRACE', method: 'TRACE', status: 405, reason: 'method refused' },
  {
    name: 'CONNECT',
    pseudo: [
      [':method', 'CONNECT'],
      [':authority', `${HOST}:443`],
    ],
    flags: FLAG.END_HEADERS,
    status: 405,
    reason: 'method refused',
  },
]

await t.test('over HTTP/2, what must not pass is refused, with a reason in the log alone', async (t) => {
  for (const { name, status, reason, extra = [], ...options } of http2Refusals) {
    seen.length = 0
    const wire = await openWire({ port: edge.https, host: HOST, ca: edge.ca })
    wire.send(request(1, { ...options, extra: [...extra, ['user-agent', name]] }))
    t.equal(await wire.outcome(1), String(status), name)
    const page = Buffer.concat(wire.frames.map(({ payload }) => payload)).toString('latin1')
    wire.destroy()
    t.same(seen, [], `${name}: the app does not see it`)
    const line = await edge.logged(({ userAgent }) => userAgent === name)
    t.match(line, { status, reason }, `${name}: the reason is in the log`)
    t.notMatch(page, reason, `${name}: and not in the page`)
  }
})

await t.test('a connection of HTTP/2 that breaks a rule is one line in the log', async (t) => {
  const before = edge.log.length
  const wire = await openWire({ port: edge.https, host: HOST, ca: edge.ca })
  wire.send(frame(TYPE.PING, FLAG.NONE, 0, Buffer.from('short')))
  t.equal(await wire.outcome(), 'connection FRAME_SIZE_ERROR')
  const lines = (): readonly unknown[] => edge.log.slice(before).filter((fields) => 'status' in fields)
  await edge.logged(({ version }) => version === '2.0' && lines().length > 0)
  t.match(lines(), [{ method: '-', status: 400, reason: /error/, requestId: /^[0-9a-f]{16}0*[1-9a-f]/ }])
  t.equal(lines().length, 1)
})
