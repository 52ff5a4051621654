import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { answerUnderWay } from './malformed.ts'
import { HEAD_BYTES, type ParserFault } from './odd-line.ts'
import { KEEP_ALIVE_MS } from './times.ts'

export type ParserEvents = {
  request(request: IncomingMessage, response: ServerResponse): void
  /** Also of a CONNECT. The socket is the listener's, with the first bytes behind the head. */
  upgrade(request: IncomingMessage, socket: Duplex, firstBytes: Buffer): void
  fault(fault: ParserFault, socket: Duplex): void
  /** A connection has been silent for as long as it may be, be it between requests or in the middle of one. */
  silent(socket: Duplex): void
}

export type HeadLimits = {
  /** How long a head may take, from its first byte or the connection's start. */
  headMs: number
  /** How often Node looks for slow heads; its own default of 30 s would let a head of 10 s take 40. */
  sweepMs: number
}

/** Node's HTTP/1.1 server as a parser that is handed sockets, by its event 'connection'. */
export function createParser({ headMs, sweepMs }: HeadLimits, events: ParserEvents): Server {
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
  server.on('request', events.request)
  // Node would say 100 by itself, before anybody knows whether the body is wanted.
  server.on('checkContinue', events.request)
  server.on('upgrade', events.upgrade)
  server.on('connect', (request, socket, firstBytes) => {
    if (answerUnderWay(socket) === undefined) events.upgrade(request, socket, firstBytes)
    else socket.destroy()
  })
  server.on('clientError', events.fault)
  // Node would close it under a request that is on its way.
  server.on('timeout', events.silent)
  // Node starts its sweep for slow heads when a server listens, which this one never does.
  server.emit('listening')
  return server
}
