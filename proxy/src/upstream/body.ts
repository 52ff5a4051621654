import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { Readable, type Writable } from 'node:stream'
import { BodyStalled, BodyTooLarge, UpstreamTimeout } from '../errors.ts'
import type { Exchange, Incoming } from '../request.ts'
import type { RequestClass } from './classes.ts'
import { createTimer } from './timer.ts'

/** How long the edge goes on reading a body after its answer is out, so that the visitor gets to read that (RFC 9112 9.6). */
export const LINGER_MS = 5000
const RESET_CHECK_MS = 10

/** Is there a body, be it empty? (RFC 9112 6.3, RFC 9113 8.1) */
export function hasBody(request: Incoming): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders
  const { headers } = request
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * The request body on its way to the upstream: counted, timed, at the pace of the slower side. The request itself is not
 * handed out, since a client library that destroyed it would close the visitor's connection. A visitor who waits for
 * `100 Continue` gets it with the first read, which is when an upstream is there.
 * The stream fails with BodyTooLarge, BodyStalled (the visitor) or UpstreamTimeout (the upstream takes no more).
 */
export function openBody(exchange: Exchange, limits: RequestClass): Readable {
  const { request, response, head } = exchange
  let begun = false
  let received = 0
  const timer = createTimer(() => {
    const isUpstreamSlow = request.isPaused() || request.readableEnded
    body.destroy(isUpstreamSlow ? new UpstreamTimeout() : new BodyStalled())
  })

  function onData(chunk: Buffer): void {
    received += chunk.length
    if (received > limits.maxBodyBytes) {
      body.destroy(new BodyTooLarge(limits.maxBodyBytes))
    } else if (body.push(chunk)) {
      timer.set(limits.bodyMs)
    } else {
      request.pause()
      timer.set(limits.sendMs)
    }
  }

  function onEnd(): void {
    body.push(null)
    timer.set(limits.sendMs)
  }

  function begin(): void {
    begun = true
    if (head.version !== '1.0' && head.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    request.on('data', onData)
    request.once('end', onEnd)
  }

  const body = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      if (!begun) begin()
      request.resume()
      timer.set(limits.bodyMs)
    },
    destroy(error, done) {
      timer.stop()
      request.off('data', onData)
      request.off('end', onEnd)
      if (!request.complete) linger(exchange)
      done(error)
    },
  })
  return body
}

/** Reads and drops what still comes of a body, and closes a connection that does not stop sending. */
export function linger({ request, response }: Exchange): void {
  request.resume()
  if ('stream' in request) {
    const { stream } = request
    // RFC 9113 8.1: once the answer is whole, the rest of the body is declined without an error.
    whenFinished(stream, () => resetBehindAnswer(stream))
    return
  }
  whenFinished(response as ServerResponse, () => {
    if (request.complete) return
    const timer = setTimeout(() => request.destroy(), LINGER_MS).unref()
    request.once('end', () => clearTimeout(timer))
  })
}

/** Node says `finish` before END_STREAM is out, which it sends in a frame of its own; a reset would overtake it. */
function resetBehindAnswer(stream: ServerHttp2Stream): void {
  const timer = setInterval(() => {
    if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR)
  }, RESET_CHECK_MS).unref()
  stream.once('close', () => clearInterval(timer))
}

function whenFinished(answer: Writable, then: () => void): void {
  if (answer.writableFinished) then()
  else answer.once('finish', then)
}
