import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { contentOf, pageOf } from '../load/mixed/content.ts'

/**
 * The app behind the mixed load: `recording-app.ts PORT RECORD SECRET`. What it acts on it first writes to its record, a line
 * an action, which outlives `kill -9`: `received ID`, `acted ID`, `webhook ID`, `forged`.
 */

const [port = '0', record = '', secret = ''] = process.argv.slice(2)
const EVENT_MS = 200
/** O_APPEND: a line is written whole, by the process that dies and by the one that follows. */
const recordFd = openSync(record, 'a')

type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => unknown

const ROUTES: readonly (readonly [prefix: string, route: Route])[] = [
  ['/health', (_request, response) => response.end('ok')],
  ['/permission', (_request, response) => response.end()],
  ['/page/', page],
  ['/answer/', answer],
  ['/slow/', slow],
  ['/download/', download],
  ['/upload', upload],
  ['/clients/upload', upload],
  ['/clients/dropbox/webhook', webhook],
  ['/act/', act],
  ['/events', events],
]

const server = createServer((request, response) => {
  const url = new URL(`http://app${request.url}`)
  const route = ROUTES.find(([prefix]) => url.pathname.startsWith(prefix))?.[1]
  request.on('error', () => undefined)
  if (route === undefined) response.writeHead(404).end()
  else Promise.resolve(route(request, response, url)).catch(() => response.destroy())
})
// Longer than any edge keeps a connection: it is the edge's own to end.
server.keepAliveTimeout = 600_000

const sockets = new WebSocketServer({ server, path: '/echo', perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('error', () => socket.terminate())
})

server.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))

function note(line: string): void {
  writeSync(recordFd, `${line}\n`)
}

function sendPage(request: IncomingMessage, response: ServerResponse, cacheControl: string): void {
  const body = pageOf(request.headers.host ?? '', request.url ?? '')
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': cacheControl })
  response.end(body)
}

/** Fresh for two seconds, so that a load sees all that may become of a stored answer. */
function page(request: IncomingMessage, response: ServerResponse): void {
  sendPage(request, response, 'public, max-age=2, stale-if-error=86400')
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  sendPage(request, response, 'no-store')
}

async function slow(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  await sleep(Number(url.pathname.split('/')[2]))
  sendPage(request, response, 'no-store')
}

/** `/download/BYTES/SEED` */
function download(_request: IncomingMessage, response: ServerResponse, url: URL): void {
  const [, , bytes = '0', seed = ''] = url.pathname.split('/')
  const content = contentOf(seed, Number(bytes))
  response.writeHead(200, { 'content-length': content.length, 'cache-control': 'no-store' }).end(content)
}

/** Says the SHA-256 of what it was sent. */
async function upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of request) hash.update(chunk as Buffer)
  response.writeHead(200, { 'content-type': 'text/plain' }).end(hash.digest('hex'))
}

/** `/act/ID?before=MS&after=MS`: how long it thinks before it acts, and then until it says so. */
async function act(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const id = url.pathname.slice('/act/'.length)
  note(`received ${id}`)
  await buffer(request)
  await sleep(Number(url.searchParams.get('before')))
  note(`acted ${id}`)
  await sleep(Number(url.searchParams.get('after')))
  response.writeHead(200, { 'content-type': 'text/plain' }).end(`acted ${id}`)
}

/** As Dropbox expects it: a challenge is said back, a notification is signed. */
async function webhook(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(url.searchParams.get('challenge'))
    return
  }
  const body = await buffer(request)
  const expected = createHmac('sha256', secret).update(body).digest()
  const given = Buffer.from(String(request.headers['x-dropbox-signature']), 'hex')
  const isGenuine = given.length === expected.length && timingSafeEqual(given, expected)
  note(isGenuine ? `webhook ${(JSON.parse(body.toString()) as { id: string }).id}` : 'forged')
  response.writeHead(isGenuine ? 200 : 403).end()
}

/** Numbered from where the visitor was, for ever. */
async function events(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  let id = Number(request.headers['last-event-id'] ?? 0)
  while (!response.destroyed) {
    id++
    response.write(`id: ${id}\ndata: event ${id}\n\n`)
    await sleep(EVENT_MS)
  }
}
