import {
  UpstreamAway,
  UpstreamBusy,
  UpstreamRefused,
  UpstreamTimeout,
  UpstreamUnavailable,
  VisitorLeft,
} from '../errors.ts'
import { Answer } from './answer.ts'
import { Attempt, type Question, type Switched } from './attempt.ts'
import type { Hold, Place } from './hold.ts'
import { isOwnFault, RANK } from './member.ts'
import type { Target, UpstreamPool } from './pool.ts'
import { retryAfterMs } from './retry-after.ts'
import { isRepeatable } from './wire/contracts.ts'

/** Where requests find an upstream, or wait for one. */
export type Ways = {
  readonly pool: UpstreamPool
  readonly hold: Hold
  /** Why nothing may be asked of the app now; undefined when it may. */
  readonly closed: (() => Error | undefined) | undefined
}

export type Asked = {
  readonly target: string
  readonly question: Question
  /** It may wait for the app to be back. */
  readonly mayWait: boolean
  /** What may have been read of its body while it waits. */
  readonly bytes: number
  /** An upstream is asked. */
  onTry(target: Target): void
  /** It has waited, for so long in all. */
  onHeld(ms: number): void
}

const TROUBLE: ReadonlySet<number> = new Set([500, 502, 503, 504])
/** A second try because of an answer may begin this long after the first one did. */
const RETRY_WITHIN_MS = 800
/** So many new connections may end under one request: it may be the one that ends them. */
const MAX_RESETS = 2
/** An upstream that asks for less is not asked earlier. */
const LEAST_WAIT_MS = 1000

/**
 * One request on its way to an answer. It is asked anew only where no upstream can have acted on it: never where one may have, and
 * never after a timeout.
 */
export class Tries {
  readonly #ways: Ways
  readonly #asked: Asked
  readonly #startedMs = performance.now()
  #attempt: Attempt | undefined
  #place: Place | undefined
  #heldMs = 0
  #resets = 0
  #isSecond = false
  #isLast = false
  #hasLeft = false

  constructor(ways: Ways, asked: Asked) {
    this.#ways = ways
    this.#asked = asked
  }

  /** Rejects with the error of the last try; with UpstreamAway or UpstreamBusy where nobody could be asked; with VisitorLeft. */
  async run(): Promise<Answer | Switched> {
    const { pool, hold } = this.#ways
    const free = hold.isEmpty ? pool.choose() : undefined
    let attempt = free === undefined ? await this.#wait() : this.#start(free, false)
    for (;;) {
      const result: unknown = await attempt.outcome.catch(asValue)
      const isAnswer = result instanceof Answer
      if (isAnswer ? result.head.status < 500 : !(result instanceof Error)) {
        attempt.target.succeeded()
        return result as Answer | Switched
      }
      const next = isAnswer ? await this.#afterTrouble(attempt, result) : await this.#afterError(attempt, result)
      if (next === undefined) return attempt.outcome
      attempt = next
    }
  }

  /** Nobody wants the answer any more. */
  leave(): void {
    this.#hasLeft = true
    this.#place?.leave?.()
    this.#attempt?.abort(VisitorLeft)
  }

  #start(target: Target, fresh: boolean): Attempt {
    this.#asked.onTry(target)
    this.#attempt = new Attempt(target, this.#asked.question, fresh)
    return this.#attempt
  }

  /** @param cause what it fails with, if nothing comes of the waiting. */
  async #wait(cause?: unknown, notBeforeMs = 0): Promise<Attempt> {
    const { pool, hold } = this.#ways
    if (this.#mayWait && !pool.isFull()) {
      const sinceMs = performance.now()
      this.#place ??= { arrivedMs: this.#startedMs, bytes: this.#asked.bytes }
      this.#place.notBeforeMs = notBeforeMs
      const target = await hold.wait(this.#place)
      this.#heldMs += performance.now() - sinceMs
      this.#asked.onHeld(this.#heldMs)
      if (target !== undefined) return this.#takeUp(target)
      if (this.#hasLeft) throw new VisitorLeft()
    }
    return this.#lastResort(cause)
  }

  /** @param target counted in already. */
  #takeUp(target: Target): Attempt {
    try {
      const reason = this.#hasLeft ? new VisitorLeft() : this.#ways.closed?.()
      if (reason !== undefined) throw reason
      return this.#start(target, true)
    } finally {
      target.end()
    }
  }

  /** Waiting is no choice, or not any more: then somebody is asked who is there, though he wants no more. */
  #lastResort(cause: unknown): Attempt {
    const { pool, hold } = this.#ways
    // Where nobody waits, asking is the way to learn that one is back.
    const worst = hold.ms === 0 && cause === undefined ? RANK.away : RANK.withdrawn
    const anyone = this.#isLast || (hold.ms > 0 && !this.#asked.mayWait) ? undefined : pool.choose(undefined, worst)
    this.#isLast = true
    if (anyone !== undefined) return this.#start(anyone, false)
    throw cause ?? (pool.isFull() ? new UpstreamBusy() : new UpstreamAway())
  }

  /** @returns undefined when the error stands. */
  async #afterError(attempt: Attempt, error: unknown): Promise<Attempt | undefined> {
    if (this.#hasLeft) return undefined
    if (error instanceof UpstreamRefused) return this.#afterRefusal(attempt, error)
    if (error instanceof UpstreamUnavailable || error instanceof UpstreamTimeout) {
      if (!attempt.answerBegun) attempt.target.failed(this.#asked.target)
    }
    const isLost = error instanceof UpstreamUnavailable && !attempt.answerBegun && this.#isRepeatable
    return isLost ? this.#afterReset(attempt, error) : undefined
  }

  /** It never had the request. */
  async #afterRefusal({ target }: Attempt, error: Refused): Promise<Attempt | undefined> {
    if (isOwnFault(error.cause)) return undefined
    const isOver = this.#isSecond && !this.#mayWait
    const other = isOver ? undefined : this.#ways.pool.choose(target)
    this.#isSecond = true
    return other === undefined ? this.#wait(error) : this.#start(other, false)
  }

  /** An idle connection may have been closed just then. A new one that ends tells of an upstream that goes, or of a request that ends it. */
  async #afterReset({ target, isFresh }: Attempt, error: unknown): Promise<Attempt | undefined> {
    const { pool } = this.#ways
    if (isFresh && ++this.#resets >= MAX_RESETS) return undefined
    if (!this.#mayWait && (this.#isSecond || this.#elapsedMs >= RETRY_WITHIN_MS)) return undefined
    this.#isSecond = true
    const next = pool.choose(target) ?? (pool.isAway() ? undefined : target)
    // After an idle connection that was dead, another one is no better.
    return next === undefined ? this.#wait(error) : this.#start(next, true)
  }

  /** @returns undefined when the answer stands. */
  async #afterTrouble({ target }: Attempt, answer: Answer): Promise<Attempt | undefined> {
    const { status, headers } = answer.head
    if (!TROUBLE.has(status)) return undefined
    const forMs = status === 503 ? retryAfterMs(headers) : undefined
    if (forMs === undefined) target.failed(this.#asked.target)
    else target.declined(this.#asked.target, forMs)
    if (!this.#isRepeatable || this.#hasLeft) return undefined
    return forMs === undefined ? this.#elsewhere(target, answer) : this.#later(target, answer, forMs)
  }

  #elsewhere(target: Target, answer: Answer): Attempt | undefined {
    const isOver = this.#isSecond || this.#elapsedMs >= RETRY_WITHIN_MS
    const other = isOver ? undefined : this.#ways.pool.choose(target, RANK.good)
    this.#isSecond = true
    if (other === undefined) return undefined
    answer.discard()
    return this.#start(other, true)
  }

  /** Not one page but the upstream wants to be left alone: then another is asked, or this one later. */
  async #later(target: Target, answer: Answer, forMs: number): Promise<Attempt | undefined> {
    if (!target.isBusy) return undefined
    const { pool, hold } = this.#ways
    const other = pool.choose(target, RANK.good)
    const nowMs = performance.now()
    const atMs = nowMs + Math.max(forMs, LEAST_WAIT_MS)
    if (other === undefined && (!this.#mayWait || atMs >= (this.#place?.deadlineMs ?? nowMs + hold.ms)))
      return undefined
    answer.discard()
    return other === undefined ? this.#wait(undefined, atMs) : this.#start(other, false)
  }

  get #mayWait(): boolean {
    return this.#asked.mayWait && this.#ways.hold.ms > 0
  }

  /** Since it began to be asked for. */
  get #elapsedMs(): number {
    return performance.now() - this.#startedMs - this.#heldMs
  }

  get #isRepeatable(): boolean {
    return isRepeatable(this.#asked.question)
  }
}

type Refused = InstanceType<typeof UpstreamRefused>

function asValue(error: unknown): unknown {
  return error
}
