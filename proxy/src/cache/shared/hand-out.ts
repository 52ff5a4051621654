import type { CacheState } from '../../events.ts'
import type { Exchange } from '../../request.ts'
import type { AnswerTier, FoundAnswer } from '../answers.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import type { Deliver } from '../deliver.ts'
import { checkPreconditions } from '../preconditions.ts'
import type { FieldList } from '../representation.ts'
import { representAnswer } from '../represent-answer.ts'
import { readRequest, type RequestRules } from '../rules/request-rules.ts'
import { mayStandIn } from '../rules/reuse.ts'
import { allowsAuthorization } from '../rules/storable.ts'
import { selectionOf } from '../rules/vary.ts'
import { timeLeft, withDetail } from '../status.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import type { Flight, Landing } from './flight.ts'

export type HandOutOptions = {
  readonly answers: AnswerTier
  readonly deliver: Deliver
  readonly commonHeaders: (exchange: Exchange) => FieldList
  readonly now: () => number
}

/** Gives visitors what is stored, and what has come for many. */
export type HandOut = {
  /** @param status of `Cache-Status`, where the state does not say it. */
  stored(exchange: Exchange, state: CacheState, found: FoundAnswer, status?: string): undefined
  /**
   * What has landed, to one of those who waited for it.
   * @param status of `Cache-Status` so far.
   * @returns an answer to be delivered; undefined when the exchange is answered; `unfit` when it is not for him.
   */
  landed(exchange: Exchange, flight: Flight, landing: Shareable, status: string): UpstreamAnswer | undefined | 'unfit'
}

export type Shareable = Exclude<Landing, { kind: 'private' }>
type Joinable = Extract<Landing, { kind: 'shared' }>

export function createHandOut({ answers, deliver, commonHeaders, now }: HandOutOptions): HandOut {
  function stored(exchange: Exchange, state: CacheState, found: FoundAnswer, status?: string): undefined {
    exchange.cache = state
    exchange.cacheStatus = status
    if (exchange.response.destroyed) answers.release(found)
    else void deliver(exchange, answers.deliverable(found, exchange.head), commonHeaders)
  }

  /** The body as it comes; or, when the visitor has it already, the word that he does (RFC 9111 4.3.2). */
  function join(exchange: Exchange, landing: Joinable, isLeader: boolean): UpstreamAnswer | undefined | 'unfit' {
    const { headers } = exchange.head
    const { fill } = landing
    const { head } = landing.stored
    if (head.status === 200 && (headers['if-none-match'] ?? headers['if-modified-since']) !== undefined) {
      const representation = representAnswer(landing.stored, { coding: undefined, size: 0, varies: false })
      if (checkPreconditions(headers, representation, now()) === 'unchanged') {
        void deliver(exchange, { kind: 'ready', representation, body: Buffer.alloc(0), stored: head }, commonHeaders)
        return undefined
      }
    }
    // Cookies are for him alone for whom they were made.
    const shared = isLeader ? fill.join() : fill.join({ ...fill.head, headers: head.fields })
    if (shared === undefined) return 'unfit'
    exchange.upstream = fill.head.target.address
    exchange.cacheStatus = `${exchange.cacheStatus}; ttl=${timeLeft(head, now())}`
    return shared
  }

  return {
    stored,
    landed(exchange, { leader }, landing, status) {
      const { head } = exchange
      const isLeader = leader === head
      const { stored: answer } = landing
      const rules = readRequest(head.headers)
      if (!isLeader && !(mayHave(rules, answer) && selectionOf(answer.vary, head.rawHeaders) === answer.selection))
        return 'unfit'
      const joined = isLeader ? status : `${status}; collapsed`
      if (landing.kind === 'shared') {
        const { why } = landing
        if (exchange.cache === 'BYPASS') exchange.cache = 'MISS'
        exchange.cacheStatus = why === undefined ? `${joined}; stored` : withDetail(joined, why)
        return join(exchange, landing, isLeader)
      }
      const isStale = landing.kind === 'stale'
      if (isStale && !mayStandIn({ ...answer.head, isStale: answer.isStale }, rules, now())) return 'unfit'
      const found = answers.find(head)
      if (found === undefined) return 'unfit'
      if (isStale) return stored(exchange, 'STALE', found)
      return stored(exchange, 'REVALIDATED', found, `${joined}; fwd-status=304; stored`)
    },
  }
}

/** RFC 9111 3.5, for what is stored as well: who comes with credentials gets only what the app says is for all. */
export function mayHave({ hasAuthorization }: RequestRules, { head }: StoredAnswer): boolean {
  return !hasAuthorization || allowsAuthorization(head.directives)
}
