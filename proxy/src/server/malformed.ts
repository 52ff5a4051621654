import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'
import { endGently } from './linger.ts'
import type { ParserFault } from './odd-line.ts'

/** The answer to the latest request of a connection: answers go out in order, so no later one is under way. */
const latest = Symbol('latest answer')
type Answering = Duplex & { [latest]?: ServerResponse }

export function rememberAnswer(socket: Duplex, answer: ServerResponse): void {
  const answering: Answering = socket
  answering[latest] = answer
}

function latestAnswer(socket: Duplex): ServerResponse | undefined {
  const answering: Answering = socket
  return answering[latest]
}

export function answerUnderWay(socket: Duplex): ServerResponse | undefined {
  const answer = latestAnswer(socket)
  return answer === undefined || answer.writableFinished || answer.destroyed ? undefined : answer
}

/** May a new request begin here? Not while there is one, nor behind one whose answer is the connection's last. */
export function isBetweenRequests(socket: Duplex): boolean {
  if (!socket.writable || answerUnderWay(socket) !== undefined) return false
  return latestAnswer(socket)?.req.complete !== false
}

/** An answer whose head is not out yet says so, and Node ends the connection behind it. */
export function endAfter(answer: ServerResponse, socket: Duplex): void {
  if (!answer.shouldKeepAlive) return
  answer.shouldKeepAlive = false
  if (answer.headersSent) answer.once('finish', () => endGently(socket))
}

/** Bytes that are no request, or not in time. They never take the place of an answer to an earlier request. */
export function answerMalformed(
  fault: ParserFault,
  socket: Duplex,
  refuse: (socket: Duplex, status: number, reason: string) => void,
): void {
  // More of the same: the connection is ending already.
  if (socket.writableEnded) return
  const code = codeOf(fault)
  const answer = latestAnswer(socket)
  if (code === 'ECONNRESET' || !socket.writable) socket.destroy()
  else if (answer === undefined) refuse(socket, statusOf(fault), code)
  else if (answer !== answerUnderWay(socket)) {
    // Behind a whole request they are one more; else they are the body of one that has its answer.
    if (answer.req.complete) refuse(socket, statusOf(fault), code)
    else endGently(socket)
  } else if (answer.req.complete) endAfter(answer, socket)
  // The body of the request under way. An answer that has begun can only be cut.
  else if (answer.socket === null || answer.headersSent) socket.destroy()
  else {
    refuse(socket, statusOf(fault), code)
    socket.once('finish', () => socket.destroy())
  }
}

function statusOf(fault: ParserFault): number {
  const code = codeOf(fault)
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code === 'HPE_INVALID_VERSION' && namesVersion(fault) ? 505 : 400
}

/** A version that is well-formed and not spoken here; the parser says the same of a line that does not end behind it. */
function namesVersion({ rawPacket, bytesParsed = 0 }: ParserFault): boolean {
  const version = rawPacket?.toString('latin1', Math.max(0, bytesParsed - 'HTTP/1.2'.length), bytesParsed + 1)
  return /^HTTP\/\d\.\d\r$/.test(version ?? '')
}
