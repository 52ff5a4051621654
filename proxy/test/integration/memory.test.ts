import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { pollUntil } from '../until.ts'
import { ask, type Protocol } from './client.ts'
import { startEdge } from './edge.ts'
import { workerOf } from './worker.ts'

const MB = 1024 * 1024
const HOST = 'app.localhost'
/** Requests of others, while the app reads nothing of the large uploads. */
const STALLED_TURNS = 300
const PROTOCOLS: readonly Protocol[] = ['https/1.1', 'h2']
const SLOW_UPLOADS = 200
/** Twice at once, over either protocol. */
const UPLOAD_BYTES = 128 * MB
const DOWNLOAD_BYTES = 100 * MB
const GROWTH_BYTES = 64 * MB
/** Under load, V8's young generation takes some 60 MB once and for all, whatever passes through. */
const WARM_UP_BYTES = 64 * MB
/** What the slow reader takes at a time. */
const SIP_BYTES = 1024
const CHUNK = Buffer.alloc(64 * 1024, 'blot')

/** Resolves when the app begins to read large uploads. */
const reading = Promise.withResolvers<void>()
const slowUploads = new Set<IncomingMessage>()
/** It reads uploads to their end and says how long they were, and has a long download. */
const app = http.createServer((request, response) => void answer(request, response).catch(() => undefined))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/download') {
    response.writeHead(200, { 'content-length': DOWNLOAD_BYTES })
    await pipeline(Readable.from(chunks(DOWNLOAD_BYTES)), response)
    return
  }
  if (request.url === '/slow') slowUploads.add(request)
  // What the app does not read must not pile up on the way.
  if (request.url === '/large') await reading.promise
  let bytes = 0
  for await (const chunk of request) bytes += (chunk as Buffer).length
  response.end(String(bytes))
}

const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(app.address() as AddressInfo).port}`, '--host', HOST],
  directory: t.testdir(),
})
const worker = await workerOf(edge)

function* chunks(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) yield CHUNK
}

async function upload(protocol: Protocol, path: string, bytes: number): Promise<string> {
  const { text } = await ask({
    port: edge.https,
    host: HOST,
    ca: edge.ca,
    protocol,
    method: 'PUT',
    path,
    headers: { 'content-length': String(bytes) },
    body: Readable.from(chunks(bytes)),
  })
  return text
}

/** Uploads that never end, each with a part of its body. */
async function beginSlowUploads(t: Test): Promise<Socket[]> {
  const sockets = Array.from({ length: SLOW_UPLOADS }, () => {
    const socket = net.connect(edge.http, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST /slow HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${MB}\r\n\r\n`)
    socket.write(CHUNK)
    return socket
  })
  t.teardown(() => sockets.forEach((socket) => socket.destroy()))
  await pollUntil(() => slowUploads.size === SLOW_UPLOADS)
  return sockets
}

/** A visitor who takes a little of a download each time it is asked to. */
async function beginSlowDownload(t: Test): Promise<{ take(): Promise<void>; taken(): number }> {
  const socket = net.connect(edge.http, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(`GET /download HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await once(socket, 'readable')
  let taken = 0
  return {
    taken: () => taken,
    async take() {
      while (socket.readableLength < SIP_BYTES) await once(socket, 'readable')
      socket.read(SIP_BYTES)
      taken += SIP_BYTES
    },
  }
}

await t.test('slow and large transfers take little memory, and hold nobody else up', async (t) => {
  for (const protocol of PROTOCOLS) await upload(protocol, '/warm-up', WARM_UP_BYTES)
  const before = worker.residentBytes()
  let most = before

  const slow = await beginSlowUploads(t)
  const download = await beginSlowDownload(t)
  const progress = { uploading: true }
  const uploads = Promise.all(PROTOCOLS.map((protocol) => upload(protocol, '/large', UPLOAD_BYTES)))
  const uploaded = uploads.finally(() => (progress.uploading = false))

  let others = 0
  while (progress.uploading) {
    slow[others % SLOW_UPLOADS]?.write('slow')
    await download.take()
    const page = await ask({ port: edge.http, host: HOST, protocol: 'http/1.1' })
    if (page.text !== '0') t.fail(`another request got ${page.status}`)
    others++
    if (others === STALLED_TURNS) reading.resolve()
    most = Math.max(most, worker.residentBytes())
  }
  t.same(await uploaded, [String(UPLOAD_BYTES), String(UPLOAD_BYTES)])
  t.ok(others > STALLED_TURNS, `${others} other requests were answered meanwhile`)
  t.ok(download.taken() < DOWNLOAD_BYTES, 'the download is under way')
  t.ok(
    [...slowUploads].every((request) => !request.closed),
    'and so are the slow uploads',
  )
  const grown = most - before
  t.ok(grown < GROWTH_BYTES, `grew by ${Math.round(grown / MB)} MB`)
  t.comment(`grew by ${Math.round(grown / MB)} MB`)
})
