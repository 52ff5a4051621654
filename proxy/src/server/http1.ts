import { createServer, ServerResponse, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'

/** What HTTP/1.1 hands to the stages. `upgrade`: the socket is the caller's, with the first bytes behind the head. */
export type Http1Handlers = {
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, response: ServerResponse, socket: Duplex, firstBytes: Buffer): void
  /** Bytes that are no request: answered here, told there. */
  malformed(socket: Duplex, status: number, reason: string): void
}

export type Http1 = {
  /** Takes a connection over. */
  take(socket: Duplex): void
  /** Ends the idle connections; the others say `Connection: close` with their next answer. */
  drain(): void
  readonly draining: boolean
  close(): void
}

const HEAD_BYTES = 32 * 1024
const HEAD_MS = 10_000
const KEEP_ALIVE_MS = 65_000
/** How often Node looks for slow heads; its own default of 30 s would let a head of 10 s take 40. */
const SWEEP_MS = 1000

/** An HTTP/1.1 server that never listens: it is handed sockets. */
export function createHttp1(handlers: Http1Handlers): Http1 {
  let draining = false
  const server = createServer({
    maxHeaderSize: HEAD_BYTES,
    headersTimeout: HEAD_MS,
    // Bodies have limits by class of path, minded where they are forwarded; an upload may take an hour.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: SWEEP_MS,
    // Hosts are judged by `receive`, for both protocols alike, and get a page.
    requireHostHeader: false,
    // `Upgrade: h2c` and the like are ignored (RFC 9110 7.8); what the app may speak goes through as a tunnel.
    shouldUpgradeCallback: (request) => !/^h2c?$/i.test(request.headers.upgrade ?? ''),
  })
  // Drop nothing silently: beyond its default of 2,000 lines Node would pass on the rest of the head without them.
  server.maxHeadersCount = 0
  server.on('request', (request, response) => {
    if (draining) response.shouldKeepAlive = false
    handlers.request(request, response)
  })
  server.on('upgrade', (request, socket, firstBytes) => {
    // Refusals are ordinary answers; a tunnel lets go of the response and takes the socket.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    handlers.upgrade(request, response, socket, firstBytes)
  })
  server.on('clientError', (error, socket) => answerMalformed(error, socket, handlers))
  // Node starts its sweep for slow heads when a server listens, which this one never does.
  server.emit('listening')

  return {
    take(socket) {
      server.emit('connection', socket)
    },
    drain() {
      draining = true
      server.closeIdleConnections()
    },
    get draining() {
      return draining
    },
    close() {
      server.close()
    },
  }
}

function answerMalformed(error: Error, socket: Duplex, handlers: Http1Handlers): void {
  const code = codeOf(error)
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = statusOf(code)
  handlers.malformed(socket, status, code)
  const body = `${status} ${STATUS_CODES[status] ?? ''}\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

function statusOf(code: string): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_INVALID_VERSION') return 505
  return 400
}
