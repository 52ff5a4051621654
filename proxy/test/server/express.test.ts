import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { edgeChannel, type RequestEvent } from '../../src/events.ts'
import type { EdgeServer } from '../../src/server/server.ts'
import { until } from '../until.ts'
import { AMPLE, answer, HOST, REQUEST, ROOT, serve, talk, type Found, type Rooms, type Served } from './serve.ts'

const FOUND = `GET /found ${REQUEST}\r\n`
const APP = `GET /app ${REQUEST}\r\n`

/** An edge whose answers from memory are of a size, and the targets of those that the express lane gave. */
async function startExpress(t: Test, size = 5): Promise<Served & { composed: string[] }> {
  const composed: string[] = []
  const body = 'f'.repeat(size)
  const lookup: Rooms['lookup'] = ({ target }) => (target.startsWith('/found') ? body : undefined)
  const compose: Rooms['compose'] = (carrier, found: Found, common) => {
    composed.push(carrier.head.target)
    const fields = ['Content-Length', String(found.length)]
    return { status: 200, fields, common: common(carrier), body: Buffer.from(found) }
  }
  const deliver: Rooms['deliver'] = (exchange, found, common) => answer(exchange, found, common(exchange))
  return Object.assign(await serve(t, { rooms: { lookup, compose, deliver } }), { composed })
}

function bodies(received: string): string[] {
  return received.split(/HTTP\/1\.1 200 OK\r\n[^]*?\r\n\r\n/).slice(1)
}

await t.test('requests in one packet are answered in order, whichever lane they take', async (t) => {
  for (const scheme of ['http', 'https'] as const) {
    const { composed, ...edge } = await startExpress(t)
    const socket = scheme === 'http' ? edge.http : await openTls(edge.https)
    const visitor = talk(t, socket, `${FOUND}${FOUND}${APP}${FOUND}`)
    await visitor.until(/(HTTP\/1\.1[^]*){4}\r\n\r\nfffff$/)
    t.strictSame(bodies(visitor.received()), ['fffff', 'fffff', 'the app answers /app', 'fffff'], scheme)
    t.equal(composed.length, 2, `${scheme}: who has left the lane does not come back`)
    visitor.socket.write(`GET /found ${REQUEST}Connection: close\r\n\r\n`)
    t.equal(bodies(await visitor.ended).length, 5)
  }
})

await t.test('a request in two packets is answered, wherever they part', async (t) => {
  const { http } = await startExpress(t)
  for (let at = 1; at < FOUND.length; at++) {
    const visitor = talk(t, http, FOUND + FOUND.slice(0, at))
    await visitor.until(/fffff$/)
    visitor.socket.write(FOUND.slice(at) + FOUND)
    await visitor.until(/(fffff[^]*){3}$/)
    t.equal(bodies(visitor.received()).length, 3, `after ${at} bytes`)
    visitor.socket.destroy()
  }
})

await t.test('a visitor who takes nothing is not answered without end, and gets all of it in the end', async (t) => {
  const COUNT = 400
  const { http, composed } = await startExpress(t, 100_000)
  const visitor = connect({ port: http, host: '127.0.0.1' })
  t.teardown(() => visitor.destroy())
  visitor.pause()
  visitor.write(FOUND.repeat(COUNT))
  let before = 0
  await until('the edge waits for him', async () => {
    before = composed.length
    // Whoever comes meanwhile is answered.
    const other = talk(t, http, FOUND)
    await until('he is', () => other.received().length > 100_000)
    return composed.length === before + 1 && before > 0
  })
  t.ok(before < COUNT - 100, `${before} of ${COUNT} answers were made`)
  let received = 0
  visitor.on('data', (chunk: Buffer) => (received += chunk.length)).resume()
  await until('all have come', () => received > COUNT * 100_000)
  const made = composed.length
  visitor.write(FOUND)
  await until('he is answered as before', () => composed.length > made && received > (COUNT + 1) * 100_000)
})

await t.test('each answer is told of once, also when its visitor has left', async (t) => {
  const events: RequestEvent[] = []
  t.teardown(edgeChannel('request').subscribe((event) => void events.push(event)))
  const { http, server, composed } = await startExpress(t, 100_000)
  const visitor = talk(t, http, FOUND)
  await until('it is told', () => events.length === 1)
  t.match(events[0], { method: 'GET', host: HOST, target: '/found', status: 200, bytes: 100_000, aborted: false })
  t.match(events[0], { cache: 'HIT', version: '1.1', scheme: 'http', requestId: /^[0-9a-f]{32}$/ })
  visitor.socket.destroy()

  const leaving = connect({ port: http, host: '127.0.0.1' })
  leaving.pause()
  leaving.write(FOUND.repeat(200))
  await until('the edge has answered', () => composed.length > 2)
  leaving.resetAndDestroy()
  await until('he is gone', () => server.connections() === 0)
  await until('all are told', () => events.length === composed.length)
  t.equal(events.at(-1)?.aborted, true)
})

await t.test('a connection that ends its side, or is cut, is let go of', async (t) => {
  const { http, server } = await startExpress(t)
  const gone = talk(t, http, FOUND)
  await gone.until(/fffff$/)
  gone.socket.end()
  t.equal(bodies(await gone.ended).length, 1)
  const cut = talk(t, http, FOUND)
  await cut.until(/fffff$/)
  cut.socket.resetAndDestroy()
  await until('none is left', () => server.connections() === 0)
})

await t.test('in a drain, a connection in the lane ends with its next answer, or when it is idle', async (t) => {
  const { http, server } = await startExpress(t)
  const [asks, idles] = [talk(t, http, FOUND), talk(t, http, FOUND)]
  await Promise.all([asks.until(/fffff$/), idles.until(/fffff$/)])
  const drained = server.drain({ ...AMPLE, idleMs: 100 })
  asks.socket.write(FOUND)
  t.match(await asks.ended, /\r\nConnection: close\r\n[^]*fffff$/)
  t.equal(bodies(await idles.ended).length, 1)
  const { visitor } = await openTaken(t, server)
  t.match(await talk(t, visitor, FOUND).ended, /\r\nConnection: close\r\n/, 'and one that only comes')
  for (const socket of [asks.socket, idles.socket, visitor]) socket.end()
  await drained
})

await t.test('who ends his side behind many requests gets all answers', async (t) => {
  for (const drains of [false, true]) {
    const { server } = await startExpress(t, 100_000)
    const { visitor, taken } = await openTaken(t, server)
    visitor.pause()
    visitor.end(FOUND.repeat(100))
    await until('the edge waits for him', () => taken.isPaused())
    if (drains) void server.drain({ ...AMPLE, idleMs: 100 })
    let received = ''
    visitor.on('data', (chunk: Buffer) => (received += chunk.toString('latin1').replaceAll('f', ''))).resume()
    await once(visitor, 'end')
    const count = received.split('HTTP/1.1 200 OK').length - 1
    if (drains) t.match(received, /\r\n\r\n$/, `${count} answers, whole ones, in a drain`)
    else t.equal(count, 100)
  }
})

await t.test('what is wrong behind an answer cuts none that is on its way', async (t) => {
  const { server, composed } = await startExpress(t, 40_000)
  const { visitor, taken } = await openTaken(t, server)
  visitor.pause()
  visitor.write(`${FOUND.repeat(200)}garbage\r\n\r\n`)
  await until('the edge waits for him', () => taken.isPaused())
  let received = ''
  visitor.on('data', (chunk: Buffer) => (received += chunk.toString('latin1').replaceAll('f', ''))).resume()
  await once(visitor, 'end')
  t.equal(received.split('HTTP/1.1 200 OK').length - 1, 200)
  t.match(received, /HTTP\/1\.1 400 /)
  t.equal(composed.length, 200)
})

await t.test('in a drain, a visitor who is slow gets all that he has asked for', async (t) => {
  const { server } = await startExpress(t, 100_000)
  const { visitor, taken } = await openTaken(t, server)
  visitor.pause()
  visitor.write(FOUND.repeat(400))
  await until('the edge waits for him', () => taken.isPaused())
  const drained = server.drain({ ...AMPLE, idleMs: 100 })
  let received = ''
  visitor.on('data', (chunk: Buffer) => (received += chunk.toString('latin1').replaceAll('f', ''))).resume()
  await once(visitor, 'end')
  t.equal(received.split('HTTP/1.1 200 OK').length - 1, 400)
  visitor.end()
  await drained
})

await t.test('silence', async (t) => {
  const { server } = await startExpress(t, 100_000)
  const open = (t: Test): ReturnType<typeof openTaken> => openTaken(t, server)

  await t.test('before the first request gets 408', async (t) => {
    const { visitor, taken } = await open(t)
    const said = talk(t, visitor, '')
    t.equal(taken.timeout, 10_000)
    taken.emit('timeout')
    t.match(await said.ended, /^HTTP\/1\.1 408 /)
  })

  await t.test('between requests ends the connection, without a word', async (t) => {
    const { visitor, taken } = await open(t)
    const said = talk(t, visitor, FOUND)
    await until('he is answered', () => said.received().length > 100_000)
    t.equal(taken.timeout, 30_000)
    taken.emit('timeout')
    t.equal(taken.timeout, 36_000, 'so long may a visitor take nothing, and twice be silent')
    said.socket.write(FOUND)
    await until('he is answered again', () => said.received().length > 200_000)
    t.equal(taken.timeout, 30_000)
    taken.emit('timeout')
    taken.emit('timeout')
    t.equal(bodies(await said.ended).length, 2)
  })

  await t.test('of a visitor who is to take an answer cuts it', async (t) => {
    const { visitor, taken } = await open(t)
    visitor.pause()
    visitor.write(FOUND.repeat(400))
    await until('the edge waits for him', () => taken.isPaused())
    t.equal(taken.timeout, 30_000)
    taken.emit('timeout')
    t.ok(taken.destroyed)
  })
})

/** A connection, and the edge's end of it. */
async function openTaken(t: Test, server: EdgeServer): Promise<{ visitor: Socket; taken: Socket }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const visitor = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [taken] = (await once(listener, 'connection')) as [Socket]
  server.take('http', taken)
  return { visitor, taken }
}

async function openTls(port: number): Promise<tls.TLSSocket> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: HOST, ca: ROOT, ALPNProtocols: ['http/1.1'] })
  await once(socket, 'secureConnect')
  return socket
}
