import { LRUCache } from 'lru-cache'
import { CacheMiss, VisitorLeft } from '../../errors.ts'
import type { CacheState } from '../../events.ts'
import type { Exchange } from '../../request.ts'
import type { FoundAnswer } from '../answers.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import type { Deliver } from '../deliver.ts'
import { checkPreconditions } from '../preconditions.ts'
import type { FieldList } from '../representation.ts'
import { representAnswer } from '../represent-answer.ts'
import { readRequest, type RequestRules } from '../rules/request-rules.ts'
import { judge, mayStandIn } from '../rules/reuse.ts'
import { allowsAuthorization } from '../rules/storable.ts'
import { selectionOf } from '../rules/vary.ts'
import { answerKeyOf, type StoredAnswer } from '../stored-answer.ts'
import type { AskOptions } from './ask.ts'
import type { Landing } from './flight.ts'
import { createFlights } from './flights.ts'
import { invalidateBy, updateByHead, type PassOptions } from './pass.ts'
import { isPlainRequest } from './request-form.ts'

export type EngineOptions = AskOptions &
  PassOptions & {
    readonly deliver: Deliver
    readonly commonHeaders: (exchange: Exchange) => FieldList
    readonly hasBody: (request: Exchange['request']) => boolean
  }

/** The stage `fetch` with the cache around it. @returns an answer to be delivered; undefined when the exchange is answered. */
export type Engine = (exchange: Exchange) => Promise<UpstreamAnswer | undefined>

type Answered = UpstreamAnswer | undefined
/** A landing that a visitor cannot use: he goes on alone. */
const UNFIT = Symbol('unfit')

/** Keys whose answers were for one visitor alone: those who ask for them next do not wait for each other. */
const PRIVATE_KEYS = 10_000
const PRIVATE_MS = 10_000

export function createEngine(options: EngineOptions): Engine {
  const { answers, app, deliver, commonHeaders, hasBody, now } = options
  const privateKeys = new LRUCache<string, true>({ max: PRIVATE_KEYS, ttl: PRIVATE_MS })
  const flights = createFlights(options, (key) => privateKeys.set(key, true))

  async function pass(exchange: Exchange): Promise<UpstreamAnswer> {
    const answer = await app(exchange)
    invalidateBy(exchange.head, answer.head, options)
    return answer
  }

  async function askHead(exchange: Exchange): Promise<UpstreamAnswer> {
    const answer = await app(exchange)
    updateByHead(exchange.head, answer.head, options)
    return answer
  }

  function send(exchange: Exchange, state: CacheState, found: FoundAnswer): undefined {
    exchange.cache = state
    if (exchange.response.destroyed) answers.release(found)
    else void deliver(exchange, answers.deliverable(found, exchange.head), commonHeaders(exchange))
  }

  /** Without asking the app, or before it answers. @returns false when it must be asked. */
  function sendStored(exchange: Exchange, found: FoundAnswer, rules: RequestRules): boolean {
    const { head, isStale } = found.stored
    const reuse = mayHave(rules, found.stored) ? judge({ ...head, isStale }, rules, now()) : 'validate'
    if (reuse === 'validate') {
      answers.release(found)
      return false
    }
    if (reuse === 'revalidating') flights.revalidate(exchange.head, found.stored)
    send(exchange, STATES[reuse], found)
    return true
  }

  async function fetchShared(exchange: Exchange, stored: StoredAnswer | undefined): Promise<Answered> {
    // A second time, when what came was for another selection: by then it is known what selects.
    for (let round = 0; round < 2; round++) {
      const flight = flights.board(exchange, stored)
      const landing = await flight.landing
      const isLeader = flight.leader === exchange.head
      if (exchange.response.destroyed) {
        if (isLeader && landing.kind === 'private') landing.answer.destroy()
        throw new VisitorLeft()
      }
      if (landing.kind === 'private') {
        if (isLeader) return landing.answer
        break
      }
      const answered = take(exchange, landing, isLeader)
      if (answered !== UNFIT) return answered
    }
    return pass(exchange)
  }

  function take(exchange: Exchange, landing: Shareable, isLeader: boolean): Answered | typeof UNFIT {
    const { head } = exchange
    const { stored } = landing
    const rules = readRequest(head.headers)
    if (!isLeader && !(mayHave(rules, stored) && selectionOf(stored.vary, head.rawHeaders) === stored.selection))
      return UNFIT
    if (landing.kind === 'shared') return join(exchange, landing, isLeader)
    if (landing.kind === 'stale' && !mayStandIn({ ...stored.head, isStale: stored.isStale }, rules, now())) return UNFIT
    const found = answers.find(head)
    if (found === undefined) return UNFIT
    return send(exchange, landing.kind === 'stale' ? 'STALE' : 'REVALIDATED', found)
  }

  /** The body as it comes; or, when the visitor has it already, the word that he does (RFC 9111 4.3.2). */
  function join(exchange: Exchange, { fill, stored }: Joinable, isLeader: boolean): Answered | typeof UNFIT {
    const { headers } = exchange.head
    if (stored.head.status === 200 && (headers['if-none-match'] ?? headers['if-modified-since']) !== undefined) {
      const representation = representAnswer(stored, { coding: undefined, size: 0, varies: false })
      if (checkPreconditions(headers, representation, now()) === 'unchanged') {
        const nothing = { kind: 'ready' as const, representation, body: Buffer.alloc(0), stored: stored.head }
        void deliver(exchange, nothing, commonHeaders(exchange))
        return undefined
      }
    }
    // Cookies are for him alone for whom they were made.
    const shared = isLeader ? fill.join() : fill.join({ ...fill.head, headers: stored.head.fields })
    if (shared === undefined) return UNFIT
    exchange.upstream = fill.head.target.address
    return shared
  }

  return async (exchange) => {
    const { head, request } = exchange
    if (!isPlainRequest(head, hasBody(request))) {
      if (exchange.cache === 'MISS') exchange.cache = 'BYPASS'
      return pass(exchange)
    }
    const rules = readRequest(head.headers)
    const found = answers.find(head)
    if (found !== undefined && sendStored(exchange, found, rules)) return undefined
    if (rules.onlyIfCached) throw new CacheMiss()
    if (head.method === 'HEAD') return askHead(exchange)
    const mayConfirm = found !== undefined && !rules.noStore && mayHave(rules, found.stored)
    const stored = mayConfirm ? found.stored : undefined
    const isAlone = rules.noStore || head.headers.range !== undefined || privateKeys.has(answerKeyOf(head))
    if (stored === undefined && isAlone) return pass(exchange)
    if (stored !== undefined) exchange.cache = 'EXPIRED'
    return fetchShared(exchange, stored)
  }
}

const STATES = { fresh: 'HIT', revalidating: 'UPDATING', stale: 'STALE' } as const

type Shareable = Exclude<Landing, { kind: 'private' }>
type Joinable = Extract<Landing, { kind: 'shared' }>

/** RFC 9111 3.5, for what is stored as well: who comes with credentials gets only what the app says is for all. */
function mayHave({ hasAuthorization }: RequestRules, { head }: StoredAnswer): boolean {
  return !hasAuthorization || allowsAuthorization(head.directives)
}
