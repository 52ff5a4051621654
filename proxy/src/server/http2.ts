import { createServer, type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'
import type { Connection } from '../request.ts'
import { boundConnection } from './bind.ts'
import { leave, LEAVING_LIMITS, type Leaving } from './last-streams.ts'
import { endGently } from './linger.ts'

/** What HTTP/2 hands to the stages. `upgrade`: an Extended CONNECT (RFC 8441), whose stream is the tunnel. */
export type Http2Handlers = {
  request(request: Http2ServerRequest, response: Http2ServerResponse): void
  upgrade(request: Http2ServerRequest, response: Http2ServerResponse, stream: Duplex): void
  /** A connection ends since its frames broke a rule. */
  malformed(connection: Connection | undefined, reason: string): void
}

export type Http2 = {
  take(socket: Duplex): void
  /** Every session ends with the next requests that come (`leave`), or after `idleMs` of silence. @param answers under way. */
  drain(idleMs: number, answers: readonly Http2ServerResponse[]): void
}

const IDLE_MS = 65_000
const MAX_STREAMS = 128
/** As in HTTP/1.1, but counted as RFC 9113 6.5.2 says: each line costs 32 bytes more. */
const HEAD_BYTES = 32 * 1024
const MAX_HEADER_LINES = 256
const WINDOW_BYTES = 1024 * 1024

/** An HTTP/2 server that never listens: it is handed TLS sockets on which `h2` was agreed. */
export function createHttp2(handlers: Http2Handlers, leavingLimits = LEAVING_LIMITS): Http2 {
  const sessions = new Map<Http2Session, Leaving | undefined>()
  /** Once the server drains. */
  let lastIdleMs: number | undefined
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
    sessions.set(session, lastIdleMs === undefined ? undefined : leave(session, leavingLimits))
    session.on('close', () => sessions.delete(session))
    const connection = boundConnection(session.socket)
    session.on('error', (error) => {
      // A reset is an ordinary end of a connection.
      if (codeOf(error) !== 'ECONNRESET') handlers.malformed(connection, error.message)
      session.destroy()
    })
    // Timers run before the event loop looks at its sockets: a request that has arrived meanwhile is there after that.
    session.setTimeout(lastIdleMs ?? IDLE_MS, () => setImmediate(() => session.close()))
  })

  type Begin = Http2Handlers['request']
  function held(begin: Begin): Begin {
    return (request, response) => {
      const { stream } = response
      const leaving =
        lastIdleMs === undefined || stream.session === undefined ? undefined : sessions.get(stream.session)
      if (leaving === undefined) begin(request, response)
      else leaving.hold(stream, () => begin(request, response))
    }
  }
  const onRequest = held(handlers.request)
  server.on('request', onRequest)
  // Who waits for `100 Continue` gets it with the first read of the body.
  server.on('checkContinue', onRequest)
  // Node would answer CONNECT itself, with no page and no line in the log.
  const onConnect = held((request, response) => {
    if (request.headers[':protocol'] === undefined) handlers.request(request, response)
    else handlers.upgrade(request, response, response.stream)
  })
  server.on('connect', onConnect)

  return {
    take(socket) {
      // A session that is over has ended its side, and would wait for the visitor's for ever.
      socket.once('finish', () => endGently(socket))
      server.emit('connection', socket)
    },
    drain(idleMs, answers) {
      lastIdleMs = idleMs
      for (const [session, leaving] of sessions) {
        session.setTimeout(idleMs)
        if (leaving === undefined) sessions.set(session, leave(session, leavingLimits))
      }
      for (const answer of answers) {
        const { session } = answer.stream
        if (session !== undefined) answer.once('close', () => sessions.get(session)?.answered())
      }
    },
  }
}
