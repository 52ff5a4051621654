import {
  AnswerInvalid,
  BodyStalled,
  BodyTooLarge,
  CacheMiss,
  CacheUnconfirmed,
  codeOf,
  InMaintenance,
  RequestInvalid,
  UpstreamBusy,
  UpstreamRefused,
  UpstreamTimeout,
  WebhookUnkept,
  WebhookUnsigned,
} from '../errors.ts'
import type { Exchange, RequestHead } from '../request.ts'
import type { AnswerHead } from './answer.ts'
import { firstValue, type HeaderList } from './headers.ts'
import { keptFields, needsPage, type IsComposed } from './trouble.ts'

/** An answer that one of the edge's own pages takes the place of. */
export type Failure = {
  readonly status: number
  readonly page: 'offline' | 'unavailable' | 'maintenance' | 'bad-request' | 'forbidden' | 'too-large' | 'timeout'
  /** For the log. */
  readonly reason: string
  readonly retryAfter?: string
  /** The operator's own words. */
  readonly message?: string
  /** Of the app's, beside the page's own. */
  readonly headers?: HeaderList
}

export type Fail = (exchange: Exchange, failure: Failure) => void

const BUSY_RETRY_S = '1'
const UNKEPT_RETRY_S = '60'

/** Which page, and which status, an error of this room becomes. */
export function failureOf(error: unknown): Failure {
  if (error instanceof InMaintenance) return maintenanceOf(error)
  // What must be confirmed, and may not even be asked for.
  if (error instanceof CacheUnconfirmed && error.cause instanceof InMaintenance) return maintenanceOf(error.cause)
  const reason = reasonOf(error)
  if (error instanceof BodyTooLarge) return { status: 413, page: 'too-large', reason }
  if (error instanceof BodyStalled) return { status: 408, page: 'timeout', reason }
  if (error instanceof RequestInvalid) return { status: 400, page: 'bad-request', reason }
  if (error instanceof WebhookUnsigned) return { status: 403, page: 'forbidden', reason }
  if (error instanceof WebhookUnkept) return { status: 503, page: 'unavailable', reason, retryAfter: UNKEPT_RETRY_S }
  // RFC 9111 5.2.1.7, 5.2.2.2.
  const isLate = error instanceof UpstreamRefused && error.cause instanceof UpstreamTimeout
  const isGateway = isLate || [UpstreamTimeout, CacheMiss, CacheUnconfirmed].some((known) => error instanceof known)
  if (isGateway) return { status: 504, page: 'offline', reason }
  if (error instanceof UpstreamBusy) return { status: 503, page: 'unavailable', reason, retryAfter: BUSY_RETRY_S }
  return { status: 502, page: 'offline', reason }
}

function maintenanceOf({ retryAfterS, words }: InMaintenance): Failure {
  const failure = { status: 503, page: 'maintenance', reason: 'maintenance', retryAfter: String(retryAfterS) } as const
  return words === undefined ? failure : { ...failure, message: words }
}

/**
 * The page for an answer of the app that says it is in trouble: its status is kept, and so are `Retry-After` and what else is about more
 * than its body.
 */
export function failureOfAnswer(answer: AnswerHead, asked: RequestHead, isComposed: IsComposed): Failure | undefined {
  const { status, headers } = answer
  const page = pageOfStatus(status)
  if (page === undefined || !needsPage(answer, asked, isComposed)) return undefined
  const retryAfter = firstValue(headers, 'retry-after')
  const failure = { status, page, reason: `upstream answered ${status}`, headers: keptFields(headers) }
  return retryAfter === undefined ? failure : { ...failure, retryAfter }
}

function pageOfStatus(status: number): Failure['page'] | undefined {
  if (status === 503) return 'unavailable'
  return status === 500 || status === 502 || status === 504 || status === 429 ? 'offline' : undefined
}

/** `EDGE_ERR_UPSTREAM_REFUSED: ECONNREFUSED`: what it means here, and what lies beneath. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error)
  if (!(error instanceof Error) || error.cause === undefined) return code
  return `${code}: ${error.cause instanceof AnswerInvalid ? error.cause.message : codeOf(error.cause)}`
}
