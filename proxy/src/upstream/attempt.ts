import type { Socket } from 'node:net'
import { Answer } from './answer.ts'
import { isEventStream, STREAM_MS } from './classes.ts'
import { firstValue } from './headers.ts'
import type { Target } from './pool.ts'
import type { ParsedHead } from './wire/answer-parser.ts'
import type { Connection } from './wire/connection.ts'
import type { WireListener, WireRequest } from './wire/contracts.ts'

/** What is asked of an upstream. */
export type Question = WireRequest & {
  /** A 1xx answer that is the visitor's business. */
  inform(status: number, headers: readonly string[]): void
}

/** The upstream switched protocols: the connection is a tunnel's from now on. */
export type Switched = { readonly target: Target; readonly headers: readonly string[]; readonly socket: Socket }

/** One try at one upstream. */
export class Attempt implements WireListener {
  /**
   * Rejects with UpstreamRefused (it never had the request), UpstreamTimeout, UpstreamUnavailable, or the error that the
   * request body or `abort` ended with.
   */
  readonly outcome: Promise<Answer | Switched>
  readonly target: Target
  /** A byte of an answer arrived. */
  answerBegun = false
  readonly #question: Question
  readonly #settle: { resolve: (outcome: Answer | Switched) => void; reject: (error: Error) => void }
  readonly #connection: Connection
  #answer: Answer | undefined
  #isOver = false

  /** @param fresh not over a connection that was used before. */
  constructor(target: Target, question: Question, fresh: boolean) {
    this.target = target
    this.#question = question
    const { promise, ...settle } = Promise.withResolvers<Answer | Switched>()
    this.outcome = promise
    this.#settle = settle
    target.begin()
    this.#connection = target.ask(question, this, fresh)
  }

  /** It goes over a connection that nothing was asked over before. */
  get isFresh(): boolean {
    return this.#connection.isFresh
  }

  /**
   * Ends the attempt and the connection it runs on, in every phase; after its end it does nothing.
   * @param Reason an error's class: nearly every attempt ends without one being made.
   */
  abort(Reason: new () => Error): void {
    if (!this.#isOver) this.#connection.abort(new Reason())
  }

  onBegin(): void {
    this.answerBegun = true
  }

  onInformation({ status, headers }: ParsedHead): void {
    // Nobody who waits for 100 gets it from an app: the edge answered `Expect` itself.
    if (status !== 100) this.#question.inform(status, headers)
  }

  onHead({ status, reasonPhrase, headers }: ParsedHead): void {
    if (isEventStream(firstValue(headers, 'content-type'))) this.#connection.allowSilence(STREAM_MS)
    this.#answer = new Answer({ target: this.target, status, reasonPhrase, headers }, this)
    this.#settle.resolve(this.#answer)
  }

  onData(chunk: Buffer): boolean {
    return this.#answer?.push(chunk) ?? true
  }

  onEnd(trailers: readonly string[]): void {
    this.#end()
    if (this.#answer === undefined) return
    this.#answer.trailers = trailers
    this.#answer.isWhole = true
    this.#answer.push(null)
  }

  onSwitch({ headers }: ParsedHead, socket: Socket): void {
    this.#isOver = true
    // Nobody has taken the socket yet.
    socket.on('error', ignore)
    socket.once('close', () => this.target.end())
    this.#settle.resolve({ target: this.target, headers, socket })
  }

  onError(error: Error): void {
    this.#end()
    if (this.#answer === undefined) this.#settle.reject(error)
    else this.#answer.destroy(error)
  }

  /** Of the answer: more is wanted. */
  read(): void {
    if (!this.#isOver) this.#connection.resume()
  }

  /** Of the answer: no more is wanted. */
  abandon(error: Error): void {
    if (!this.#isOver) this.#connection.abort(error)
  }

  #end(): void {
    this.#isOver = true
    this.target.end()
  }
}

function ignore(): void {}
