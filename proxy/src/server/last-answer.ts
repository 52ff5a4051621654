import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { endGently } from './linger.ts'
import { answerUnderWay, isBetweenRequests, rememberAnswer } from './malformed.ts'

/**
 * How a connection of HTTP/1.1 ends that is not to go on: with the answer to its next request, or to the last of those that
 * are pipelined already. One that is closed while it is idle may be closed under a request that is on its way.
 */

/** A socket, or a `Replay`. */
export type Endable = Duplex & { setTimeout(ms: number): unknown; destroySoon?: () => void }

/** Has the connection end with the answer under way, if that can still say so, or after `idleMs` without a request. */
export function prepareToEnd(socket: Endable, idleMs: number): void {
  // Node's way of ending a connection behind its last answer: closed at once, it may be reset (see `endGently`).
  socket.destroySoon = () => endGently(socket)
  const answer = answerUnderWay(socket)
  if (answer === undefined) socket.setTimeout(idleMs)
  else if (!answer.headersSent) answer.shouldKeepAlive = false
}

/** Makes this answer the one that ends its connection; one before it, to a request without an answer yet, is not any more. */
export function makeLast(answer: ServerResponse, socket: Duplex): void {
  const before = answerUnderWay(socket)
  if (before !== undefined && !before.headersSent) before.shouldKeepAlive = true
  answer.shouldKeepAlive = false
  rememberAnswer(socket, answer)
}

/** Has the answer under way said `Connection: close`? Nothing behind it is acted on (RFC 9112 9.6). */
export function isLastUnderWay(socket: Duplex): boolean {
  const answer = answerUnderWay(socket)
  return answer !== undefined && answer.headersSent && !answer.shouldKeepAlive
}

/** Ends a connection that has been silent, unless it is in the middle of a request. */
export function endWhenIdle(socket: Duplex): void {
  const seen = bytesOf(socket)
  // Timers run before the event loop looks at its sockets: a request that has arrived meanwhile is there after that.
  setImmediate(() => {
    if (bytesOf(socket) === seen && isBetweenRequests(socket)) endGently(socket)
  })
}

function bytesOf(socket: Duplex): number {
  return 'bytesRead' in socket ? Number(socket.bytesRead) : 0
}
