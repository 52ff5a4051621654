import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Connection } from '../request.ts'
import { codeOf } from '../errors.ts'
import { bindConnection, boundConnection } from './bind.ts'
import { endGently } from './linger.ts'
import { endWhenIdle, isLastUnderWay, makeLast, prepareToEnd, type Endable } from './last-answer.ts'
import { answerMalformed, isBetweenRequests, rememberAnswer } from './malformed.ts'
import { readOddLine, type ParserFault, type RequestLine } from './odd-line.ts'
import { createParser, type HeadLimits } from './parser.ts'
import { Replay } from './replay.ts'

/** A request of HTTP/1.1, and the true line of it. */
export type Heard = { request: IncomingMessage; response: ServerResponse; line: RequestLine }

/** What HTTP/1.1 hands to the stages. `upgrade`: the socket is the caller's, with the first bytes behind the head. */
export type Http1Handlers = {
  request(request: IncomingMessage, response: ServerResponse, line: RequestLine): void
  upgrade(heard: Heard, socket: Duplex, firstBytes: Buffer): void
  /** Bytes that are no request. @returns the whole answer to them. */
  malformed(connection: Connection | undefined, status: number, reason: string): string
}

export type Http1 = {
  /** Takes a connection over. @param isAnswered it has had answers, and so need not hurry. */
  take(socket: Socket, isAnswered?: boolean): void
  /** Ends a connection that has sent nothing in time. */
  late(socket: Socket): void
  /** Each connection ends with its next answer, which says `Connection: close`, or after `idleMs` without a request. */
  drain(idleMs: number): void
  close(): void
}

export const HEAD_LIMITS: HeadLimits = { headMs: 10_000, sweepMs: 1000 }
/** As the parser says it. */
const LATE = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })

/** An HTTP/1.1 server that never listens: it is handed sockets. */
export function createHttp1(handlers: Http1Handlers, limits = HEAD_LIMITS): Http1 {
  /** Once the server drains. */
  let lastIdleMs: number | undefined
  /** How many bytes of each were read before HTTP began. */
  const connections = new Map<Endable, number>()
  const replayed = new WeakSet<Duplex>()
  /** Connections that had answers before they came. */
  const answered = new WeakSet<Duplex>()

  const ordinary = createParser(limits, {
    request: (request, response) => begin(request, response, request),
    upgrade: (request, socket, firstBytes) => upgrade(request, request, socket, firstBytes),
    fault(fault, socket) {
      // The parser takes it for a new one, which owes a head.
      if (codeOf(fault) === LATE.code && answered.has(socket) && isSilent(socket as Socket)) endGently(socket)
      // This parser goes on minding the time of the head that it gave up.
      else if (!replayed.has(socket) && !replay(fault, socket as Socket)) answerMalformed(fault, socket, refuse)
    },
    silent: endWhenIdle,
  })
  /** For requests whose line the other one would not take. */
  const second = createParser(limits, {
    request: (request, response) => begin(request, response, trueLine(request)),
    upgrade: (request, socket, firstBytes) => upgrade(request, trueLine(request), socket, firstBytes),
    fault: (fault, socket) => answerMalformed(fault, socket, refuse),
    silent: endWhenIdle,
  })
  const parsers = [ordinary, second]

  function begin(request: IncomingMessage, response: ServerResponse, line: RequestLine): void {
    const { socket } = request
    // Its answer could not be sent any more, and so it must not be acted on.
    if (socket.writableEnded || (lastIdleMs !== undefined && isLastUnderWay(socket))) {
      request.resume()
    } else if (lastIdleMs !== undefined) {
      makeLast(response, socket)
      // What came in the same packet is pipelined behind this one, and its answer is the last one then.
      setImmediate(() => {
        if (!socket.destroyed) handlers.request(request, response, line)
      })
    } else {
      rememberAnswer(socket, response)
      handlers.request(request, response, line)
    }
  }

  function upgrade(request: IncomingMessage, line: RequestLine, socket: Duplex, firstBytes: Buffer): void {
    connections.delete(socket as Endable)
    // Refusals are ordinary answers; a tunnel lets go of the response and takes the socket.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    handlers.upgrade({ request, response, line }, socket, firstBytes)
  }

  function refuse(socket: Duplex, status: number, reason: string): void {
    socket.write(handlers.malformed(boundConnection(socket), status, reason))
    endGently(socket)
  }

  /** Has nothing come since it was taken over? */
  function isSilent(socket: Socket): boolean {
    return socket.bytesRead === connections.get(socket)
  }

  function hold(socket: Endable, bytesBefore: number): void {
    if (lastIdleMs !== undefined) prepareToEnd(socket, lastIdleMs)
    connections.set(socket, bytesBefore)
    socket.once('close', () => connections.delete(socket))
  }

  /** @returns false when the fault is not about the line alone. */
  function replay(fault: ParserFault, socket: Socket): boolean {
    const connection = boundConnection(socket)
    const packet = fault.rawPacket
    if (packet === undefined || connection === undefined || !isBetweenRequests(socket)) return false
    const isFirst = socket.bytesRead - packet.length === connections.get(socket)
    const line = readOddLine(fault, isFirst)
    if (line === undefined) return false
    replayed.add(socket)
    const rest = new Replay(socket, line, packet)
    bindConnection(rest, connection)
    hold(rest, 0)
    second.emit('connection', rest)
    return true
  }

  return {
    take(socket, isAnswered = false) {
      hold(socket, socket.bytesRead - socket.readableLength)
      if (isAnswered) answered.add(socket)
      ordinary.emit('connection', socket)
    },
    late: (socket) => answerMalformed(LATE, socket, refuse),
    drain(idleMs) {
      lastIdleMs = idleMs
      for (const parser of parsers) {
        parser.keepAliveTimeout = idleMs
        parser.keepAliveTimeoutBuffer = 0
      }
      for (const socket of connections.keys()) prepareToEnd(socket, idleMs)
    },
    close() {
      for (const parser of parsers) parser.close()
    },
  }
}

/** The line of a replayed request; takes back the field that came with its substitute. */
function trueLine(request: IncomingMessage): RequestLine {
  const socket: Duplex = request.socket
  request.rawHeaders.splice(0, 2)
  return socket instanceof Replay ? socket.line : request
}
