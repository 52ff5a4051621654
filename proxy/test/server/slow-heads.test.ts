import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { bindConnection } from '../../src/server/bind.ts'
import { createHttp1 } from '../../src/server/http1.ts'
import { PLAIN } from './connection.ts'
import { openRaw } from './raw.ts'

const told: (readonly [status: number, reason: string])[] = []
const http1 = createHttp1(
  {
    request: (request, response) => response.end(`heard ${request.url}`),
    upgrade: (_heard, socket) => socket.destroy(),
    malformed(_connection, status, reason) {
      told.push([status, reason])
      return `HTTP/1.1 ${status} \r\nContent-Length: 0\r\n\r\n`
    },
  },
  { headMs: 200, sweepMs: 20 },
)
let isAnswered = false
const server = createServer({ allowHalfOpen: true }, (socket) => {
  bindConnection(socket, PLAIN)
  http1.take(socket, isAnswered)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => {
  server.close()
  http1.close()
})
const options = { port: (server.address() as AddressInfo).port }

const unfinished: readonly (readonly [string, string])[] = [
  ['a connection that says nothing', ''],
  ['half a request line', 'GET / HT'],
  ['a head without an end', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n'],
  ['one whose method Node’s parser refuses', 'ODD / HTTP/1.1\r\nHost: x\r\n'],
]

await t.test('a head that takes too long gets 408, and the connection ends', async (t) => {
  for (const [name, bytes] of unfinished) {
    told.length = 0
    const raw = await openRaw(options)
    if (bytes !== '') raw.send(bytes)
    const answer = await raw.answer()
    t.equal(answer?.status, 408, name)
    t.notMatch(answer?.body, /ERR_/, name)
    t.equal(await raw.rest(), '', name)
    t.same(told, [[408, 'ERR_HTTP_REQUEST_TIMEOUT']], name)
  }
})

await t.test('a head that goes on byte by byte is no quicker', async (t) => {
  const raw = await openRaw(options)
  raw.send('GET / HTTP/1.1\r\nHost: x\r\n')
  const drip = setInterval(() => raw.send('x'), 20)
  t.equal((await raw.answer())?.status, 408)
  clearInterval(drip)
  raw.destroy()
})

await t.test('the second head of a connection has the time that the first one had', async (t) => {
  const raw = await openRaw(options)
  raw.send('GET /first HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await raw.answer(), { status: 200, body: 'heard /first' })
  raw.send('GET /sec')
  t.equal((await raw.answer())?.status, 408)
  raw.destroy()
})

await t.test('a body may take its time', async (t) => {
  const slow = await openRaw(options)
  slow.send('POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n')
  t.match(await slow.answer(), { status: 200 })
  // The limit has passed once another connection has run into it.
  const other = await openRaw(options)
  t.equal((await other.answer())?.status, 408)
  slow.send('bodyGET /next HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await slow.answer(), { status: 200, body: 'heard /next' })
  slow.destroy()
})

await t.test('a connection that had answers before it came owes no head, unless it has begun one', async (t) => {
  isAnswered = true
  told.length = 0
  const silent = await openRaw(options)
  t.equal(await silent.rest(), '')
  t.same(told, [])
  const begun = await openRaw(options)
  begun.send('GET /')
  t.equal((await begun.answer())?.status, 408)
})
