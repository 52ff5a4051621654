import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Writable } from 'node:stream'
import { BodyStalled, BodyTooLarge, UpstreamTimeout } from '../errors.ts'
import type { Exchange, Incoming } from '../request.ts'
import type { RequestClass } from './classes.ts'
import { trailerList } from './headers.ts'
import { createTimer } from './timer.ts'
import type { BodySink, BodySource } from './wire/contracts.ts'

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
 * The request body on its way to the upstream: counted, timed, at the pace of the slower side. The request itself is never
 * destroyed, which would close the visitor's connection. A visitor who waits for `100 Continue` gets it when an upstream is there.
 * It fails with BodyTooLarge, BodyStalled (the visitor) or UpstreamTimeout (the upstream takes no more).
 */
export class RequestBody implements BodySource {
  readonly #exchange: Exchange
  readonly #limits: RequestClass
  readonly #timer = createTimer(() => this.#expired())
  #sink: BodySink | undefined
  #received = 0
  #isOver = false

  constructor(exchange: Exchange, limits: RequestClass) {
    this.#exchange = exchange
    this.#limits = limits
  }

  start(sink: BodySink): void {
    const { request, response, head } = this.#exchange
    if (this.#isOver) return
    this.#sink = sink
    if (head.version !== '1.0' && head.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    request.on('data', this.#onData)
    request.once('end', this.#onEnd)
    this.resume()
  }

  resume(): void {
    if (this.#isOver) return
    this.#exchange.request.resume()
    this.#timer.set(this.#limits.bodyMs)
  }

  /** Of a body that is not whole, the rest is read and dropped. */
  stop(): void {
    if (this.#isOver) return
    this.#leave()
    if (!this.#exchange.request.complete) linger(this.#exchange)
  }

  #leave(): void {
    this.#isOver = true
    this.#timer.stop()
    this.#exchange.request.off('data', this.#onData)
    this.#exchange.request.off('end', this.#onEnd)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length
    if (this.#received > this.#limits.maxBodyBytes) {
      this.#sink?.abort(new BodyTooLarge(this.#limits.maxBodyBytes))
    } else if (this.#sink?.write(chunk) === true) {
      this.#timer.set(this.#limits.bodyMs)
    } else if (!this.#isOver) {
      this.#exchange.request.pause()
      this.#timer.set(this.#limits.sendMs)
    }
  }

  readonly #onEnd = (): void => {
    this.#leave()
    this.#sink?.finish(trailerList(this.#exchange.request.rawTrailers))
  }

  #expired(): void {
    const isUpstreamSlow = this.#exchange.request.isPaused()
    this.#sink?.abort(isUpstreamSlow ? new UpstreamTimeout() : new BodyStalled())
  }
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
