import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { codeOf, RequestInvalid, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable } from '../errors.ts'
import { Answer } from './answer.ts'
import { isEventStream, STREAM_MS } from './classes.ts'
import { firstValue } from './headers.ts'
import type { Target } from './pool.ts'
import { createTimer } from './timer.ts'

/** What is asked of an upstream. */
export type Question = {
  readonly method: string
  /** The origin-form target, byte for byte. */
  readonly path: string
  readonly headers: string[]
  readonly body: Readable | null
  /** Protocols for `Upgrade`; undefined for an ordinary request. */
  readonly upgrade: string | undefined
  readonly readMs: number
  /** A 1xx answer other than 101. */
  inform(status: number, headers: string[]): void
}

/** The upstream switched protocols: the connection is a tunnel's from now on. */
export type Switched = { readonly target: Target; readonly headers: readonly string[]; readonly socket: Duplex }

/** One try at one upstream. */
export class Attempt implements Dispatcher.DispatchHandler {
  /**
   * Rejects with UpstreamRefused (it never had the request), UpstreamTimeout, UpstreamUnavailable, RequestInvalid, or the
   * error that the request body or `abort` ended with.
   */
  readonly outcome: Promise<Answer | Switched>
  readonly target: Target
  /** A byte of an answer arrived. */
  answerBegun = false
  readonly #question: Question
  readonly #settle: { resolve: (outcome: Answer | Switched) => void; reject: (error: Error) => void }
  readonly #countOut: () => void
  readonly #timer = createTimer(() => this.abort(UpstreamTimeout))
  #readMs: number
  #controller: Dispatcher.DispatchController | undefined
  #answer: Answer | undefined
  #aborted: Error | undefined
  #over = false

  constructor(target: Target, question: Question) {
    this.target = target
    this.#question = question
    this.#readMs = question.readMs
    const { promise, ...settle } = Promise.withResolvers<Answer | Switched>()
    this.outcome = promise
    this.#settle = settle
    this.#countOut = target.begin()
    const { method, path, headers, body, upgrade } = question
    target.dispatch({ method, path, headers, body, ...(upgrade === undefined ? {} : { upgrade }) }, this)
  }

  /**
   * Ends the attempt and the connection it runs on, in every phase; after its end it does nothing.
   * @param Reason an error's class: nearly every attempt ends without one being made.
   */
  abort(Reason: new () => Error): void {
    if (this.#over) return
    this.#aborted ??= new Reason()
    // undici can only end what is on a connection; a request that waits for one ends when the connection is there.
    if (this.#controller === undefined) this.#settle.reject(this.#aborted)
    else this.#controller.abort(this.#aborted)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) {
      controller.abort(this.#aborted)
      return
    }
    this.#question.body?.once('end', () => this.#awaitUpstream())
    this.#awaitUpstream()
  }

  onResponseStarted(): void {
    this.answerBegun = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, reasonPhrase = ''): void {
    const headers = decode(controller.rawHeaders)
    if (status < 200) {
      this.#awaitUpstream()
      this.#question.inform(status, headers)
      return
    }
    if (isEventStream(firstValue(headers, 'content-type'))) this.#readMs = STREAM_MS
    this.#answer = new Answer(
      { target: this.target, status, reasonPhrase, headers },
      {
        read: () => {
          controller.resume()
          this.#awaitUpstream()
        },
        abandon: (error) => {
          if (!this.#over) controller.abort(error ?? new UpstreamUnavailable())
        },
      },
    )
    this.#awaitUpstream()
    this.#settle.resolve(this.#answer)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#answer?.push(chunk) === true) return
    // The visitor is slower than the upstream: the upstream owes nothing meanwhile.
    controller.pause()
    this.#timer.stop()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#end()
    if (this.#answer === undefined) return
    this.#answer.trailers = decode(controller.rawTrailers)
    this.#answer.push(null)
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, _status: number, _: unknown, socket: Duplex): void {
    this.#timer.stop()
    this.#over = true
    // undici has let go of the socket, and nobody has taken it yet.
    socket.on('error', ignore)
    socket.once('close', this.#countOut)
    this.#settle.resolve({ target: this.target, headers: decode(controller.rawHeaders), socket })
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end()
    const told = this.#explain(error)
    if (this.#answer === undefined) this.#settle.reject(told)
    else this.#answer.destroy(told)
  }

  /** It is the upstream's turn, unless a body is still on its way to it: that has a timer of its own. */
  #awaitUpstream(): void {
    const { body } = this.#question
    const isSending = body !== null && !body.readableEnded && !body.destroyed
    if (!isSending && !this.#over && this.#controller?.paused !== true) this.#timer.set(this.#readMs)
  }

  #end(): void {
    this.#over = true
    this.#timer.stop()
    this.#countOut()
  }

  /** undici's errors and Node's in our words; errors of ours come back as they went in. */
  #explain(error: Error): Error {
    if (this.#aborted !== undefined) return this.#aborted
    const code = codeOf(error)
    if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return new RequestInvalid({ cause: error })
    const isOurs = code.startsWith('EDGE_ERR_')
    if (this.#controller !== undefined) return isOurs ? error : new UpstreamUnavailable({ cause: error })
    this.target.markAway()
    return isOurs ? error : new UpstreamRefused({ cause: error })
  }
}

function ignore(): void {}

/** undici gives header bytes as they are; HTTP/1.1 reads them as Latin-1, and so they are sent again. */
function decode(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
}
