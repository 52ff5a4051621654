import type { ServerResponse } from 'node:http'
import {
  BodyTooLarge,
  RequestInvalid,
  UpstreamBusy,
  UpstreamRefused,
  UpstreamUnavailable,
  VisitorLeft,
} from '../errors.ts'
import type { Exchange, RequestHead } from '../request.ts'
import { Answer } from './answer.ts'
import { Attempt, type Question, type Switched } from './attempt.ts'
import { hasBody, linger, RequestBody } from './body.ts'
import { classOf, type RequestClass } from './classes.ts'
import { forwardingHeaders } from './forwarded.ts'
import { firstValue, informationFields, offeredProtocols, requestHeaders } from './headers.ts'
import { RANK } from './member.ts'
import type { Target, UpstreamPool } from './pool.ts'
import { requestHead } from './wire/request-head.ts'

export type FetchOptions = {
  readonly pool: UpstreamPool
  /** The port that links over https must carry. */
  readonly config: { readonly httpsPort: number }
  /** Limits of a request; those of Blot by default. */
  readonly classify?: (head: RequestHead) => RequestClass
  /** Why nothing may be asked of the app now; undefined when it may. */
  readonly closed?: () => Error | undefined
}

/** A second try may begin this long after the first one did. */
const RETRY_WITHIN_MS = 800

const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
const RETRY_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** A question that is bound to no visitor: it goes on when he leaves. */
export type DetachedQuestion = {
  /** Of a request without a body. */
  readonly head: RequestHead
  /** Ends it. */
  readonly signal: AbortSignal
  /** Who is told 1xx answers, and the name of the upstream. */
  readonly visitor: Exchange | undefined
}

/** Asks an upstream, at most two of them. Rejects with an error that `failureOf` knows. */
export type Fetch = {
  (exchange: Exchange): Promise<Answer>
  detached(question: DetachedQuestion): Promise<Answer>
  upgrade(exchange: Exchange): Promise<Answer | Switched>
}

/** What an upstream is asked, and by whom. */
type Asking = {
  readonly head: RequestHead
  readonly limits: RequestClass
  readonly body: RequestBody | null
  readonly upgrade: string | undefined
  readonly visitor: Exchange | undefined
  /** Calls back when nobody wants the answer any more. */
  onLeave(leave: () => void): void
}

/** The stage `fetch`. When the visitor leaves, at whatever point, the upstream's connection is ended. */
export function createFetch({ pool, config, classify = classOf, closed }: FetchOptions): Fetch {
  async function ask({ head, limits, body, upgrade, visitor, onLeave }: Asking): Promise<Answer | Switched> {
    let attempt: Attempt | undefined
    onLeave(() => attempt?.abort(VisitorLeft))
    try {
      const reason = closed?.()
      if (reason !== undefined) throw reason
      const framing = body === null ? 'none' : head.headers['content-length'] === undefined ? 'chunked' : 'sized'
      const headers = requestHeaders(head, forwardingHeaders(head, config.httpsPort), framing, upgrade)
      const question: Question = {
        method: head.method,
        head: requestHead(head.method, head.target, headers),
        body,
        chunked: framing === 'chunked',
        upgrading: upgrade !== undefined,
        readMs: limits.readMs,
        inform(status, fields) {
          if (visitor !== undefined) inform(visitor, status, fields)
        },
      }
      return await tryTwice(pool, question, (target, fresh) => {
        if (visitor !== undefined) visitor.upstream = target.address
        attempt = new Attempt(target, question, fresh)
        return attempt
      })
    } catch (error) {
      body?.stop()
      throw error
    }
  }

  async function askFor(exchange: Exchange, upgrade: string | undefined): Promise<Answer | Switched> {
    const { head, request, response } = exchange
    const limits = classify(head)
    if (Number(head.headers['content-length'] ?? 0) > limits.maxBodyBytes) {
      linger(exchange)
      throw new BodyTooLarge(limits.maxBodyBytes)
    }
    const body = upgrade === undefined && hasBody(request) ? new RequestBody(exchange, limits) : null
    const onLeave = (leave: () => void): void => void response.once('close', leave)
    return ask({ head, limits, body, upgrade, visitor: exchange, onLeave })
  }

  const fetch = (exchange: Exchange): Promise<Answer> => askFor(exchange, undefined) as Promise<Answer>
  fetch.detached = ({ head, signal, visitor }: DetachedQuestion): Promise<Answer> => {
    const onLeave = (leave: () => void): void => signal.addEventListener('abort', leave, { once: true })
    const asking = { head, limits: classify(head), body: null, upgrade: undefined, visitor, onLeave }
    return ask(asking) as Promise<Answer>
  }
  fetch.upgrade = (exchange: Exchange): Promise<Answer | Switched> => {
    // Over HTTP/2, what follows is the tunnel's.
    if (exchange.head.version !== '2.0' && hasBody(exchange.request)) return Promise.reject(new RequestInvalid())
    return askFor(exchange, offeredProtocols(exchange.head.headers.upgrade))
  }
  return fetch
}

async function tryTwice(
  pool: UpstreamPool,
  question: Question,
  start: (target: Target, fresh: boolean) => Attempt,
): Promise<Answer | Switched> {
  const startedMs = performance.now()
  const target = pool.choose() ?? pool.choose(undefined, RANK.away)
  if (target === undefined) throw new UpstreamBusy()
  const first = start(target, false)
  const result: unknown = await first.outcome.catch((error: unknown) => error)
  const next = secondTarget(pool, question, first, result)
  if (next !== undefined && performance.now() - startedMs < RETRY_WITHIN_MS) {
    if (result instanceof Answer) result.discard()
    // After an idle connection that was dead, another one is no better.
    return start(next, true).outcome
  }
  return first.outcome
}

/** Where to ask again, if anywhere: never where the first upstream may have acted on the request, never after a timeout. */
function secondTarget(
  pool: UpstreamPool,
  { method, body }: Question,
  { target, answerBegun }: Attempt,
  result: unknown,
): Target | undefined {
  const repeatable = body === null && REPEATABLE.has(method)
  if (result instanceof UpstreamRefused) return pool.choose(target)
  if (result instanceof UpstreamUnavailable) {
    return repeatable && !answerBegun ? (pool.choose(target) ?? target) : undefined
  }
  if (!(result instanceof Answer) || !repeatable || !RETRY_STATUSES.has(result.head.status)) return undefined
  const asksToWait = result.head.status === 503 && firstValue(result.head.headers, 'retry-after') !== undefined
  return asksToWait ? undefined : pool.choose(target)
}

/** Passes a 1xx answer on (RFC 9110 15.2); HTTP/1.0 does not know them. */
function inform({ head, response }: Exchange, status: number, headers: readonly string[]): void {
  if (head.version === '1.0' || response.headersSent || response.writableEnded) return
  // Node's compatibility API has this call for HTTP/2 as well; its types do not know yet.
  const informing = response as ServerResponse
  informing.writeInformation(status, informationFields(headers))
}
