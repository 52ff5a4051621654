import type { ServerResponse } from 'node:http'
import { BodyTooLarge, RequestInvalid } from '../errors.ts'
import type { Exchange, RequestHead } from '../request.ts'
import type { Answer } from './answer.ts'
import type { Question, Switched } from './attempt.ts'
import { hasBody, linger, RequestBody } from './body.ts'
import { classOf, type RequestClass } from './classes.ts'
import { forwardingHeaders } from './forwarded.ts'
import { informationFields, offeredProtocols, requestHeaders } from './headers.ts'
import type { Hold } from './hold.ts'
import type { UpstreamPool } from './pool.ts'
import { Tries } from './tries.ts'
import { requestHead } from './wire/request-head.ts'

export type FetchOptions = {
  readonly pool: UpstreamPool
  readonly hold: Hold
  /** The port that links over https must carry. */
  readonly config: { readonly httpsPort: number }
  /** Limits of a request; those of Blot by default. */
  readonly classify?: (head: RequestHead) => RequestClass
  /** Why nothing may be asked of the app now; undefined when it may. */
  readonly closed?: () => Error | undefined
}

/** What Node has read of a body that nobody reads yet: a stream's buffer, and what it read last. */
const READ_AHEAD_BYTES = 128 * 1024

/** A question that is bound to no visitor: it goes on when he leaves. */
export type DetachedQuestion = {
  /** Of a request without a body. */
  readonly head: RequestHead
  /** Ends it. */
  readonly signal: AbortSignal
  /** Who is told 1xx answers, and the name of the upstream. */
  readonly visitor: Exchange | undefined
  /** It may wait for the app to be back. */
  readonly mayWait: boolean
}

/** `away`: nobody takes requests. `troubled`: whoever does is not well. */
export type AppState = 'up' | 'troubled' | 'away'

/** Asks an upstream, and once more where that is safe; waits for one while all are away. Rejects with an error that `failureOf` knows. */
export type Fetch = {
  (exchange: Exchange): Promise<Answer>
  detached(question: DetachedQuestion): Promise<Answer>
  upgrade(exchange: Exchange): Promise<Answer | Switched>
  state(): AppState
}

/** What an upstream is asked, and by whom. */
type Asking = {
  readonly head: RequestHead
  readonly limits: RequestClass
  readonly body: RequestBody | null
  readonly upgrade: string | undefined
  readonly visitor: Exchange | undefined
  readonly mayWait: boolean
  /** Calls back when nobody wants the answer any more. */
  onLeave(leave: () => void): void
}

/** The stage `fetch`. When the visitor leaves, at whatever point, the upstream's connection is ended. */
export function createFetch({ pool, hold, config, classify = classOf, closed }: FetchOptions): Fetch {
  const ways = { pool, hold, closed }

  async function ask({ head, limits, body, upgrade, visitor, mayWait, onLeave }: Asking): Promise<Answer | Switched> {
    let tries: Tries | undefined
    onLeave(() => tries?.leave())
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
      tries = new Tries(ways, {
        target: head.target,
        question,
        mayWait,
        bytes: body === null ? 0 : Math.min(READ_AHEAD_BYTES, Number(head.headers['content-length'] ?? Infinity)),
        onTry(target) {
          if (visitor !== undefined) visitor.upstream = target.address
        },
        onHeld(ms) {
          if (visitor !== undefined) visitor.heldMs = ms
        },
      })
      return await tries.run()
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
    return ask({ head, limits, body, upgrade, visitor: exchange, mayWait: true, onLeave })
  }

  const fetch = (exchange: Exchange): Promise<Answer> => askFor(exchange, undefined) as Promise<Answer>
  fetch.detached = ({ head, signal, visitor, mayWait }: DetachedQuestion): Promise<Answer> => {
    const onLeave = (leave: () => void): void => signal.addEventListener('abort', leave, { once: true })
    const asking = { head, limits: classify(head), body: null, upgrade: undefined, visitor, mayWait, onLeave }
    return ask(asking) as Promise<Answer>
  }
  fetch.upgrade = (exchange: Exchange): Promise<Answer | Switched> => {
    // Over HTTP/2, what follows is the tunnel's.
    if (exchange.head.version !== '2.0' && hasBody(exchange.request)) return Promise.reject(new RequestInvalid())
    return askFor(exchange, offeredProtocols(exchange.head.headers.upgrade))
  }
  fetch.state = (): AppState => {
    if (pool.isAway() || closed?.() !== undefined) return 'away'
    return pool.isTroubled() ? 'troubled' : 'up'
  }
  return fetch
}

/** Passes a 1xx answer on (RFC 9110 15.2); HTTP/1.0 does not know them. */
function inform({ head, response }: Exchange, status: number, headers: readonly string[]): void {
  if (head.version === '1.0' || response.headersSent || response.writableEnded) return
  // Node's compatibility API has this call for HTTP/2 as well; its types do not know yet.
  const informing = response as ServerResponse
  informing.writeInformation(status, informationFields(headers))
}
