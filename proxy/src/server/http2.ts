import { createServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'
import type { Connection } from '../request.ts'
import { boundConnection } from './bind.ts'

/** What HTTP/2 hands to the stages. `upgrade`: an Extended CONNECT (RFC 8441), whose stream is the tunnel. */
export type Http2Handlers = {
  request(request: Http2ServerRequest, response: Http2ServerResponse): void
  upgrade(request: Http2ServerRequest, response: Http2ServerResponse, stream: Duplex): void
  /** A connection ends since its frames broke a rule. */
  malformed(connection: Connection | undefined, reason: string): void
}

export type Http2 = {
  take(socket: Duplex): void
  /** GOAWAY on every session: streams under way finish, later ones are refused (RFC 9113 6.8). */
  drain(): void
}

const IDLE_MS = 65_000
const MAX_STREAMS = 128
/** As in HTTP/1.1, but counted as RFC 9113 6.5.2 says: each line costs 32 bytes more. */
const HEAD_BYTES = 32 * 1024
const MAX_HEADER_LINES = 256
const WINDOW_BYTES = 1024 * 1024

/** An HTTP/2 server that never listens: it is handed TLS sockets on which `h2` was agreed. */
export function createHttp2(handlers: Http2Handlers): Http2 {
  const sessions = new Set<ServerHttp2Session>()
  let draining = false
  const server = createServer({
    maxHeaderListPairs: MAX_HEADER_LINES,
    settings: {
      maxConcurrentStreams: MAX_STREAMS,
      initialWindowSize: WINDOW_BYTES,
      maxHeaderListSize: HEAD_BYTES,
      enableConnectProtocol: true,
    },
    // An answer's repeated lines are the app's business, as they are over HTTP/1.1.
    strictSingleValueFields: false,
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    const connection = boundConnection(session.socket)
    session.on('error', (error) => {
      // A reset is an ordinary end of a connection.
      if (codeOf(error) !== 'ECONNRESET') handlers.malformed(connection, error.message)
      session.destroy()
    })
    session.setTimeout(IDLE_MS, () => session.close())
    if (draining) session.close()
  })
  server.on('request', handlers.request)
  // Who waits for `100 Continue` gets it with the first read of the body.
  server.on('checkContinue', handlers.request)
  // Node would answer CONNECT itself, with no page and no line in the log.
  server.on('connect', (request, response) => {
    if (request.headers[':protocol'] === undefined) handlers.request(request, response)
    else handlers.upgrade(request, response, response.stream)
  })

  return {
    take(socket) {
      server.emit('connection', socket)
    },
    drain() {
      draining = true
      for (const session of sessions) session.close()
    },
  }
}
