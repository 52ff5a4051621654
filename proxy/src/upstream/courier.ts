import { RequestInvalid, UpstreamRefused, UpstreamTimeout } from '../errors.ts'
import type { RequestHead } from '../request.ts'
import { Answer } from './answer.ts'
import { Attempt, type Question } from './attempt.ts'
import { forwardingHeaders } from './forwarded.ts'
import { firstValue, requestHeaders, type HeaderList } from './headers.ts'
import type { Target, UpstreamPool } from './pool.ts'
import { retryAfterMs } from './retry-after.ts'
import type { BodySink, BodySource } from './wire/contracts.ts'
import { requestHead } from './wire/request-head.ts'

/** A request that is here whole, as an upstream is to get it: nobody's connection is tied to it any more. */
export type WholeRequest = {
  readonly method: string
  readonly target: string
  /** Flat, with the framing. */
  readonly headers: HeaderList
  readonly body: Buffer
}

export type SendOptions = {
  /** Fields that are added for this try. */
  readonly headers: HeaderList
  /** For the answer to begin. */
  readonly limitMs: number
  /** Ends it. */
  readonly signal: AbortSignal
}

export type Sent = {
  readonly status: number
  readonly retryAfterMs: number | undefined
  readonly answer: Answer
  /** Nobody wants the answer. */
  discard(): void
}

/** Sends whole requests. */
export type Courier = {
  /** Throws RequestInvalid for what could not be sent. */
  prepare(head: RequestHead, body: Buffer): WholeRequest
  /**
   * Asks an upstream once; another one where the first cannot be reached. Rejects with UpstreamRefused where none had the request, with
   * UpstreamTimeout or UpstreamUnavailable where one may have acted on it.
   */
  send(request: WholeRequest, options: SendOptions): Promise<Sent>
}

/** @param httpsPort the port that links over https must carry. */
export function createCourier(pool: UpstreamPool, httpsPort: number): Courier {
  async function ask(question: Question, target: Target, { limitMs, signal }: SendOptions): Promise<Sent> {
    signal.throwIfAborted()
    // Over a connection of its own: one that was idle may be about to end, and the request would be in doubt for nothing.
    const attempt = new Attempt(target, question, true)
    const end = (): void => attempt.abort(UpstreamTimeout)
    const timer = setTimeout(end, limitMs)
    signal.addEventListener('abort', end)
    try {
      const answer = (await attempt.outcome) as Answer
      const { status, headers } = answer.head
      if (status < 500) target.succeeded()
      return { status, retryAfterMs: retryAfterMs(headers), answer, discard: () => answer.discard() }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    }
  }

  return {
    prepare(head, body) {
      const { method, target } = head
      const headers = requestHeaders(head, forwardingHeaders(head, httpsPort), 'sized', undefined)
      const length = firstValue(headers, 'content-length')
      // The connection is used again: what the head says and the body is not would be taken from whoever comes next.
      if (length !== undefined && Number(length) !== body.length) throw new RequestInvalid()
      if (length === undefined && (method !== 'GET' || body.length > 0)) {
        headers.push('Content-Length', String(body.length))
      }
      requestHead(method, target, headers)
      return { method, target, headers, body }
    },
    async send({ method, target, headers, body }, options) {
      const question: Question = {
        method,
        head: requestHead(method, target, [...headers, ...options.headers]),
        body: body.length === 0 ? null : new WholeBody(body),
        chunked: false,
        upgrading: false,
        readMs: options.limitMs,
        inform() {},
      }
      const first = pool.choose()
      if (first === undefined) throw new UpstreamRefused()
      try {
        return await ask(question, first, options)
      } catch (error) {
        const other = error instanceof UpstreamRefused ? pool.choose(first) : undefined
        if (other === undefined) throw error
        return ask(question, other, options)
      }
    },
  }
}

class WholeBody implements BodySource {
  readonly #body: Buffer

  constructor(body: Buffer) {
    this.#body = body
  }

  start(sink: BodySink): void {
    sink.write(this.#body)
    sink.finish([])
  }

  resume(): void {}

  stop(): void {}
}
