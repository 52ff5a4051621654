import { createServer, ServerResponse, STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'
import { endGently } from './linger.ts'

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
  /** Ends the idle connections, and each of the others with its next answer, which says `Connection: close`. */
  drain(): void
  close(): void
}

const HEAD_BYTES = 32 * 1024
const KEEP_ALIVE_MS = 65_000

export type HeadLimits = {
  /** How long a head may take, from its first byte or the connection's start. */
  headMs: number
  /** How often Node looks for slow heads; its own default of 30 s would let a head of 10 s take 40. */
  sweepMs: number
}

const HEAD_LIMITS: HeadLimits = { headMs: 10_000, sweepMs: 1000 }

/** The answer to the latest request of a connection: answers go out in order, so no later one is under way. */
const latest = Symbol('latest answer')
type Answering = Duplex & { [latest]?: ServerResponse }

/** An HTTP/1.1 server that never listens: it is handed sockets. */
export function createHttp1(handlers: Http1Handlers, { headMs, sweepMs } = HEAD_LIMITS): Http1 {
  let draining = false
  const connections = new Set<Duplex>()
  const server = createServer({
    maxHeaderSize: HEAD_BYTES,
    headersTimeout: headMs,
    // Bodies have limits by class of path, minded where they are forwarded; an upload may take an hour.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: sweepMs,
    // Hosts are judged by `receive`, for both protocols alike, and get a page.
    requireHostHeader: false,
    // `Upgrade: h2c` and the like are ignored (RFC 9110 7.8), and so is whatever is pipelined behind a request whose answer
    // still needs the socket; what the app may speak goes through as a tunnel.
    shouldUpgradeCallback: ({ headers, socket }) =>
      !/^h2c?$/i.test(headers.upgrade ?? '') && answerUnderWay(socket) === undefined,
  })
  // Drop nothing silently: beyond its default of 2,000 lines Node would pass on the rest of the head without them.
  server.maxHeadersCount = 0

  function take(request: IncomingMessage, response: ServerResponse): void {
    const socket: Answering = request.socket
    socket[latest] = response
    if (draining) response.shouldKeepAlive = false
    handlers.request(request, response)
  }
  server.on('request', take)
  // Node would say 100 by itself, before anybody knows whether the body is wanted.
  server.on('checkContinue', take)
  server.on('upgrade', (request, socket, firstBytes) => {
    // Refusals are ordinary answers; a tunnel lets go of the response and takes the socket.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    handlers.upgrade(request, response, socket, firstBytes)
  })
  server.on('connect', (_request, socket) => {
    if (answerUnderWay(socket) === undefined) refuse(socket, 405, 'CONNECT')
    else socket.destroy()
  })
  server.on('clientError', (error, socket) => answerMalformed(error, socket, refuse))
  // Node starts its sweep for slow heads when a server listens, which this one never does.
  server.emit('listening')

  function refuse(socket: Duplex, status: number, reason: string): void {
    handlers.malformed(socket, status, reason)
    const body = `${status} ${STATUS_CODES[status] ?? ''}\n`
    socket.write(
      `HTTP/1.1 ${body.trimEnd()}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
        `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    )
    endGently(socket)
  }

  return {
    take(socket) {
      connections.add(socket)
      socket.once('close', () => connections.delete(socket))
      server.emit('connection', socket)
    },
    drain() {
      draining = true
      server.closeIdleConnections()
      for (const socket of connections) {
        const answer = answerUnderWay(socket)
        if (answer !== undefined) endAfter(answer, socket)
      }
    },
    close() {
      server.close()
    },
  }
}

function latestAnswer(socket: Duplex): ServerResponse | undefined {
  return (socket as Answering)[latest]
}

function answerUnderWay(socket: Duplex): ServerResponse | undefined {
  const answer = latestAnswer(socket)
  return answer === undefined || answer.writableFinished || answer.destroyed ? undefined : answer
}

/** An answer whose head is not out yet says so, and Node ends the connection behind it. */
function endAfter(answer: ServerResponse, socket: Duplex): void {
  if (!answer.shouldKeepAlive) return
  answer.shouldKeepAlive = false
  if (answer.headersSent) answer.once('finish', () => endGently(socket))
}

/** Bytes that are no request, or not in time. They never take the place of an answer to an earlier request. */
function answerMalformed(
  error: Error,
  socket: Duplex,
  refuse: (socket: Duplex, status: number, reason: string) => void,
): void {
  // More of the same: the connection is ending already.
  if (socket.writableEnded) return
  const code = codeOf(error)
  const answer = latestAnswer(socket)
  if (code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else if (answer === undefined) refuse(socket, statusOf(code), code)
  else if (answer !== answerUnderWay(socket)) {
    // Behind a whole request they are one more; else they are the body of one that has its answer.
    if (answer.req.complete) refuse(socket, statusOf(code), code)
    else endGently(socket)
  } else if (answer.req.complete) endAfter(answer, socket)
  // The body of the request under way. An answer that has begun can only be cut.
  else if (answer.socket === null || answer.headersSent) socket.destroy()
  else {
    refuse(socket, statusOf(code), code)
    socket.once('finish', () => socket.destroy())
  }
}

function statusOf(code: string): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_INVALID_VERSION') return 505
  return 400
}
