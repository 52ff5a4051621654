import { LRUCache } from 'lru-cache'
import { CacheMiss, VisitorLeft } from '../../errors.ts'
import type { Exchange, RequestHead } from '../../request.ts'
import type { FoundAnswer } from '../answers.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import type { Reason } from '../reasons.ts'
import { NO_WISHES, readRequest, type RequestRules } from '../rules/request-rules.ts'
import { judge, mayStandIn, type Reuse } from '../rules/reuse.ts'
import { statusOfForward, withDetail, type Forward } from '../status.ts'
import { answerKeyOf, type StoredAnswer } from '../stored-answer.ts'
import type { AskOptions } from './ask.ts'
import { createFlights } from './flights.ts'
import { createHandOut, mayHave, type HandOutOptions } from './hand-out.ts'
import { createKeep } from './keep.ts'
import { createPartial, type PartialOptions } from './partial.ts'
import { createPass, type PassOptions } from './pass.ts'
import { whyBypassed } from './request-form.ts'

export type EngineOptions = AskOptions &
  PassOptions &
  PartialOptions &
  HandOutOptions & {
    readonly hasBody: (request: Exchange['request']) => boolean
  }

/** The stage `fetch` with the cache around it. @returns an answer to be delivered; undefined when the exchange is answered. */
export type Engine = (exchange: Exchange) => Promise<UpstreamAnswer | undefined>

/** Keys whose answers were for one visitor alone: those who ask for them next do not wait for each other. */
const PRIVATE_KEYS = 10_000
const PRIVATE_MS = 10_000

export function createEngine(options: EngineOptions): Engine {
  const { app, answers, hasBody, decisions, now } = options
  const privateKeys = new LRUCache<string, Reason>({ max: PRIVATE_KEYS, ttl: PRIVATE_MS })
  const keep = createKeep(options)
  const pass = createPass(options, keep)
  const partial = createPartial(options, keep)
  const flights = createFlights(options, keep, (key, why) => privateKeys.set(key, why))
  const handOut = createHandOut(options)

  /** For this visitor alone, by a rule that is about his request. @param status of `Cache-Status` so far. */
  function passFor(why: Reason, exchange: Exchange, status: string): Promise<UpstreamAnswer> {
    decisions.bypassed(answerKeyOf(exchange.head), why)
    exchange.cacheStatus = withDetail(status, why)
    return why === 'range' ? partial.ask(exchange) : pass.any(exchange)
  }

  /** Without asking the app, or before it answers. @returns false when it must be asked. */
  function sendStored(exchange: Exchange, found: FoundAnswer, rules: RequestRules): boolean {
    const reuse = mayHave(rules, found.stored) ? reuseOf(found.stored, rules) : 'validate'
    if (reuse === 'validate') {
      answers.release(found)
      return false
    }
    // Nobody waits for it: it is a GET, whatever this is, and is stored.
    if (reuse === 'revalidating' && !rules.noStore)
      flights.revalidate({ ...exchange.head, method: 'GET' }, found.stored)
    handOut.stored(exchange, STATES[reuse], found)
    return true
  }

  /** While the app is away, what may stand in does so at once; one that is not well is asked meanwhile. */
  function reuseOf(stored: StoredAnswer, rules: RequestRules): Reuse {
    const reusable = { ...stored.head, isStale: stored.isStale }
    const reuse = judge(reusable, rules, now())
    const state = reuse === 'fresh' || reuse === 'stale' ? 'up' : app.state()
    if (state === 'up') return reuse
    if (state === 'troubled') return mayStandIn(reusable, rules, now()) ? 'revalidating' : reuse
    return reuse === 'revalidating' || mayStandIn(reusable, rules, now()) ? 'stale' : reuse
  }

  /** What is there, if anything, may not be sent without asking the app: why (RFC 9211 2.2)? */
  function forwardOf(head: RequestHead, stored: StoredAnswer | undefined): Forward {
    if (stored === undefined) return answers.hasOthers(head) ? 'vary-miss' : 'uri-miss'
    return judge({ ...stored.head, isStale: stored.isStale }, NO_WISHES, now()) === 'fresh' ? 'request' : 'stale'
  }

  /** Why nobody else may wait for the answer to this request: nothing is stored that it could confirm. */
  function whyAlone({ headers }: RequestHead, key: string, rules: RequestRules): Reason | undefined {
    if (rules.noStore) return 'request no-store'
    if (headers.range !== undefined) return 'range'
    return isPrivateLately(privateKeys.get(key), headers.cookie !== undefined, rules) ? 'private lately' : undefined
  }

  /** @param status of `Cache-Status` so far. */
  async function fetchShared(
    exchange: Exchange,
    stored: StoredAnswer | undefined,
    status: string,
  ): Promise<UpstreamAnswer | undefined> {
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
        if (!isLeader) break
        exchange.cacheStatus = withDetail(status, landing.why)
        return landing.answer
      }
      const answered = handOut.landed(exchange, flight, landing, status)
      if (answered !== 'unfit') return answered
    }
    exchange.cacheStatus = `${status}; collapsed=?0`
    return pass.any(exchange)
  }

  return async (exchange) => {
    const { head, request } = exchange
    const bypass = whyBypassed(head, hasBody(request))
    if (bypass === 'method') {
      exchange.cacheStatus = statusOfForward('method')
      return head.method === 'POST' ? pass.post(exchange) : pass.any(exchange)
    }
    if (bypass !== undefined) return passFor(bypass, exchange, statusOfForward('bypass'))
    const rules = readRequest(head.headers)
    const found = answers.find(head)
    if (found === undefined ? partial.send(exchange, rules) : sendStored(exchange, found, rules)) return undefined
    const key = answerKeyOf(head)
    // Answers to credentials are kept for hardly anybody: until one is, it is no miss.
    exchange.cache = found !== undefined ? 'EXPIRED' : rules.hasAuthorization ? 'BYPASS' : 'MISS'
    if (rules.onlyIfCached) {
      exchange.cacheStatus = 'detail=only-if-cached'
      throw new CacheMiss()
    }
    const status = statusOfForward(forwardOf(head, found?.stored), key)
    exchange.cacheStatus = status
    if (head.method === 'HEAD') return pass.head(exchange)
    const mayConfirm = found !== undefined && !rules.noStore && mayHave(rules, found.stored)
    const stored = mayConfirm ? found.stored : undefined
    const why = stored === undefined ? whyAlone(head, key, rules) : undefined
    return why === undefined ? fetchShared(exchange, stored, status) : passFor(why, exchange, status)
  }
}

const STATES = { fresh: 'HIT', revalidating: 'UPDATING', stale: 'STALE' } as const

/** What was refused for somebody's credentials or cookie says nothing of those who bring none. @param why the last answer was private. */
function isPrivateLately(why: Reason | undefined, hasCookie: boolean, { hasAuthorization }: RequestRules): boolean {
  if (why === 'authorization') return hasAuthorization
  if (why === 'cookie') return hasCookie
  return why !== undefined && why !== 'trouble'
}
