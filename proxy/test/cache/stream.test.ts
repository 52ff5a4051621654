import { once } from 'node:events'
import { renameSync, truncateSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { createTier, openFilesIn, serve, until, type Site } from './fixture.ts'

/** More than every buffer between the edge and a reader that does not read. */
const SIZE = 32 * 1024 * 1024

async function prepare(t: Test, protocol: 'http1' | 'http2'): Promise<{ directory: string; path: string; site: Site }> {
  const directory = t.testdir({ cache: { 'a.test': { folder: {} } } })
  const path = `${directory}/cache/a.test/folder/x.bin`
  writeFileSync(path, Buffer.alloc(SIZE, 'a'))
  const site = await serve(t, createTier(t, directory).tier, protocol)
  return { directory, path, site }
}

/** Asks on a connection that would be kept, and reads nothing of the body. */
async function stalled(t: Test, site: Site): Promise<IncomingMessage> {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const request = get({ host: '127.0.0.1', port: site.port, path: '/x.bin', agent })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

await t.test('a file that is replaced while it is sent arrives as it was', async (t) => {
  const { path, site } = await prepare(t, 'http1')
  const response = await stalled(t, site)
  writeFileSync(`${path}.new`, Buffer.alloc(SIZE, 'b'))
  renameSync(`${path}.new`, path)
  const body = await buffer(response)
  t.ok(body.equals(Buffer.alloc(SIZE, 'a')))
  t.equal((await site.ask('/x.bin', { headers: { range: 'bytes=0-0' } })).body.toString(), 'b')
})

await t.test('a file that is cut while it is sent: the visitor sees the cut', async (t) => {
  const faults: unknown[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault)))
  for (const protocol of ['http1', 'http2'] as const) {
    const { directory, path, site } = await prepare(t, protocol)
    const body = protocol === 'http1' ? await stalled(t, site) : await stalledStream(connectTo(t, site))
    truncateSync(path, 1024 * 1024)
    await t.rejects(buffer(body), protocol)
    await until(t, 'the file is closed', () => openFilesIn(directory).length === 0)
    t.equal(site.exchanges[0]?.reason, 'EDGE_ERR_FILE_TRUNCATED')
  }
  t.match(faults, [{ error: { code: 'EDGE_ERR_FILE_TRUNCATED' } }, { error: { code: 'EDGE_ERR_FILE_TRUNCATED' } }])
})

await t.test('nothing follows a cut answer on its connection', async (t) => {
  const { directory, path, site } = await prepare(t, 'http1')
  const socket = await open(site.port)
  socket.on('error', () => undefined)
  socket.write(`${ask('0-')}${ask('0-0', 'Connection: close')}`)
  await until(t, 'both are asked for', () => openFilesIn(directory).length === 2)
  truncateSync(path, 1024 * 1024)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => (received += text))
  await once(socket, 'close')
  t.equal(received.split('HTTP/1.1').length - 1, 1)
  await until(t, 'both are closed', () => openFilesIn(directory).length === 0)
})

await t.test('a reader that reads nothing holds one buffer; when it leaves the file is closed', async (t) => {
  const { directory, site } = await prepare(t, 'http1')
  const readers: IncomingMessage[] = []
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 20; n++) readers.push(await stalled(t, site))
  t.equal(openFilesIn(directory).length, 20)
  t.ok(process.memoryUsage().arrayBuffers - before < 20 * 1024 * 1024, 'flat memory')
  for (const reader of readers) reader.destroy()
  await until(t, 'all are closed', () => openFilesIn(directory).length === 0)
  for (const { bytes } of site.exchanges) t.ok(bytes < SIZE)
})

await t.test('HTTP/2: streams that are reset, and a session that dies', async (t) => {
  const { directory, site } = await prepare(t, 'http2')
  const session = connectTo(t, site)
  const streams = await Promise.all(Array.from({ length: 5 }, () => stalledStream(session)))
  t.equal(openFilesIn(directory).length, 5)
  for (const stream of streams.slice(0, 3)) stream.close(8)
  await until(t, 'three are closed', () => openFilesIn(directory).length === 2)
  session.destroy()
  await until(t, 'all are closed', () => openFilesIn(directory).length === 0)
})

await t.test('pipelined requests: the connection dies while the second waits for the first', async (t) => {
  const { directory, site } = await prepare(t, 'http1')
  const socket = connect(site.port, '127.0.0.1')
  socket.write('GET /x.bin HTTP/1.1\r\nHost: a.test\r\n\r\n'.repeat(3))
  await until(t, 'all three are asked for', () => openFilesIn(directory).length === 3)
  socket.resetAndDestroy()
  await until(t, 'all are closed', () => openFilesIn(directory).length === 0)
})

await t.test('pipelined requests are answered in order', async (t) => {
  const { site } = await prepare(t, 'http1')
  const socket = connect(site.port, '127.0.0.1')
  socket.write(ask('0-299999') + ask('1-2') + ask('0-3,8-9', 'Connection: close'))
  const text = (await buffer(socket)).toString('latin1')
  const statuses = [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)
  const ranges = [...text.matchAll(/Content-Range: bytes (\S+)\//g)].map(([, range]) => range)
  t.same(statuses, ['206', '206', '206'])
  t.same(ranges, ['0-299999', '1-2', '0-3', '8-9'])
})

await t.test('who leaves at once, again and again, leaves nothing behind', async (t) => {
  const { directory, site } = await prepare(t, 'http1')
  for (let round = 0; round < 10; round++) {
    const sockets = await Promise.all(Array.from({ length: 10 }, () => open(site.port)))
    const closings = sockets.map((socket) => once(socket, 'close'))
    for (const socket of sockets) {
      socket.write('GET /x.bin HTTP/1.1\r\nHost: a.test\r\n\r\n')
      if (round % 2 === 0) socket.resetAndDestroy()
      else socket.once('data', () => socket.destroy())
    }
    await Promise.all(closings)
  }
  await until(t, 'no file is open', () => openFilesIn(directory).length === 0)
})

function ask(range: string, connection = 'Connection: keep-alive'): string {
  return `GET /x.bin HTTP/1.1\r\nHost: a.test\r\nRange: bytes=${range}\r\n${connection}\r\n\r\n`
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function connectTo(t: Test, site: Site): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${site.port}`)
  t.teardown(() => session.destroy())
  return session
}

async function stalledStream(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
  const stream = session.request({ ':path': '/x.bin' })
  stream.on('error', () => undefined)
  await once(stream, 'response')
  return stream
}
