import { once } from 'node:events'
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { bindConnection } from '../../src/server/bind.ts'
import { createHttp2 } from '../../src/server/http2.ts'
import { FLAG, frame, TYPE, uint32, type Field, type Frame } from '../http2/frames.ts'
import { data, OPEN, request as requestFrame, settled, type RequestOptions } from '../http2/row.ts'
import { openWire, type Wire } from '../http2/wire.ts'
import { PLAIN } from './connection.ts'
import { AMPLE, HOST, KEY_PAIR, ROOT } from './serve.ts'

type App = {
  readonly port: number
  /** What it was asked, oldest first. */
  readonly asked: string[]
  asking(times: number): Promise<void>
  /** Lets the answers to `/slow` go. */
  release(): void
  drain(idleMs?: number): void
}

/** An app right behind the HTTP/2 of the edge; requests are held back until it is quiet. */
async function serveApp(t: Test, holdMs = AMPLE.limitMs): Promise<App> {
  const asked: string[] = []
  const open = new Set<Http2ServerResponse>()
  const released = Promise.withResolvers<void>()
  let heard = Promise.withResolvers<void>()
  function answer(request: Http2ServerRequest, response: Http2ServerResponse): void {
    open.add(response)
    response.once('close', () => open.delete(response))
    asked.push(request.url)
    heard.resolve()
    heard = Promise.withResolvers()
    if (request.url === '/slow') void released.promise.then(() => response.end('answer /slow'))
    else if (request.url !== '/body') response.end(`answer ${request.url}`)
    else void buffer(request).then((body) => response.end(`got ${body.length}`))
  }
  const edge = createHttp2({ request: answer, upgrade: () => {}, malformed: () => {} }, { quietMs: 5, holdMs })
  const server = tls.createServer({ ...KEY_PAIR, ALPNProtocols: ['h2'] }, (socket) => {
    bindConnection(socket, PLAIN)
    edge.take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async asking(times) {
      while (asked.length < times) await heard.promise
    },
    release: released.resolve,
    drain: (idleMs = AMPLE.idleMs) => edge.drain(idleMs, [...open]),
  }
}

async function open(t: Test, { port }: App): Promise<Wire> {
  const wire = await openWire({ port, host: HOST, ca: ROOT })
  t.teardown(() => wire.destroy())
  return wire
}

function request(stream: number, path: string, { method = 'GET', ...options }: RequestOptions = {}): Buffer {
  const pseudo: Field[] = [
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', HOST],
  ]
  return requestFrame(stream, { pseudo, ...options })
}

function isQuestion({ type, flags }: Frame): boolean {
  return type === TYPE.PING && flags !== FLAG.ACK
}

/** Answers the first PING from this place on, and says something else in the same breath. @returns the place behind it. */
async function acknowledge(wire: Wire, from = 0, ...more: readonly Buffer[]): Promise<number> {
  const ping = await wire.find((found) => isQuestion(found) && wire.frames.indexOf(found) >= from)
  wire.send(frame(TYPE.PING, FLAG.ACK, 0, ping.payload), ...more)
  return wire.frames.indexOf(ping) + 1
}

/** Answers every PING from this place on. */
async function acknowledgeAll(wire: Wire, from = 0): Promise<void> {
  try {
    for (let place = from; ;) place = await acknowledge(wire, place)
  } catch {
    // The connection is closed.
  }
}

/** What came, in order: `GOAWAY 3`, `HEADERS 1`, `end 1`. */
function story(wire: Wire): string[] {
  return wire.frames.flatMap(({ type, flags, stream, payload }) => {
    if (type === TYPE.GOAWAY) return [`GOAWAY ${payload.readUInt32BE(0)}`]
    const isEnd = (type === TYPE.DATA || type === TYPE.HEADERS) && (flags & FLAG.END_STREAM) !== 0
    return [...(type === TYPE.HEADERS ? [`HEADERS ${stream}`] : []), ...(isEnd ? [`end ${stream}`] : [])]
  })
}

await t.test('an idle session answers the next requests, and says before that they are its last', async (t) => {
  const edge = await serveApp(t)
  const wire = await open(t, edge)
  wire.send(request(1, '/first'))
  t.equal(await wire.outcome(1), '200')
  edge.drain()
  await settled(wire, 'still on')
  t.notMatch(story(wire), [/GOAWAY/], 'none at the drain itself')
  wire.send(request(3, '/second'))
  await wire.find(isQuestion)
  // What follows from one page comes while its answer is held back.
  wire.send(request(5, '/third'))
  void acknowledgeAll(wire)
  t.equal(await wire.outcome(5), '200')
  await wire.closed()
  const [said, ...answers] = story(wire).slice(2)
  t.equal(said, 'GOAWAY 5')
  t.same(answers.filter((line) => !line.startsWith('GOAWAY')).toSorted(), ['HEADERS 3', 'HEADERS 5', 'end 3', 'end 5'])
  t.same(edge.asked, ['/first', '/second', '/third'])
})

await t.test('an answer under way is waited for, since its visitor asks for more behind it', async (t) => {
  const edge = await serveApp(t)
  const wire = await open(t, edge)
  wire.send(request(1, '/slow'))
  await edge.asking(1)
  edge.drain()
  wire.send(request(3, '/held'))
  await wire.find(isQuestion)
  edge.release()
  t.equal(await wire.outcome(1), '200')
  // That answer was no silence: there is another round trip, and upon this stream one more.
  const first = await acknowledge(wire)
  const second = await acknowledge(wire, first, request(5, '/more'))
  void acknowledgeAll(wire, second)
  t.equal(await wire.outcome(5), '200')
  await wire.closed()
  t.equal(
    story(wire).find((line) => line.startsWith('GOAWAY')),
    'GOAWAY 5',
  )
})

await t.test('a visitor who answers no PING gets his answers all the same', async (t) => {
  const edge = await serveApp(t, 20)
  const wire = await open(t, edge)
  edge.drain()
  wire.send(request(1, '/body', { method: 'POST', flags: OPEN }))
  wire.send(data(1, 'first ', FLAG.NONE), data(1, 'last'))
  t.equal(await wire.outcome(1), '200')
  await wire.closed()
})

await t.test('one who cancels what is held back asks the app for nothing', async (t) => {
  const edge = await serveApp(t)
  const wire = await open(t, edge)
  edge.drain()
  wire.send(request(1, '/unwanted'), request(3, '/wanted'))
  await wire.find(isQuestion)
  wire.send(frame(TYPE.RST_STREAM, FLAG.NONE, 1, uint32(8)))
  void acknowledgeAll(wire)
  t.equal(await wire.outcome(3), '200')
  await wire.closed()
  t.same(edge.asked, ['/wanted'])
})

await t.test('a session without requests ends after a while, one that is told so by its visitor too', async (t) => {
  const edge = await serveApp(t)
  const wires = [await open(t, edge), await open(t, edge)]
  edge.drain(20)
  for (const wire of wires) {
    await wire.closed()
    t.match(story(wire)[0], /^GOAWAY/)
  }
})

await t.test('a visitor of many streams at a time loses none of them', async (t) => {
  const edge = await serveApp(t)
  const session = http2.connect(`https://127.0.0.1:${edge.port}`, { servername: HOST, ca: ROOT })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  const told = { goaway: false }
  session.once('goaway', () => (told.goaway = true))
  let answered = 0
  async function lane(): Promise<void> {
    while (!told.goaway) {
      const body = await buffer(session.request({ ':authority': HOST, ':path': '/quick' }))
      if (body.toString() === 'answer /quick') answered++
    }
  }
  const lanes = Array.from({ length: 20 }, lane)
  await edge.asking(100)
  edge.drain()
  await Promise.all(lanes)
  t.equal(answered, edge.asked.length)
})
