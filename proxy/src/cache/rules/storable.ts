import type { RequestRules } from './request-rules.ts'
import { isUnqualified, secondsOf, type Directives } from './directives.ts'
import { linesOf } from './fields.ts'
import { isHeuristicallyCacheable } from './freshness.ts'
import type { StoredHead } from './stored-head.ts'
import { validatorsFor } from './validation.ts'
import { varyOf } from './vary.ts'

/** The rule that keeps an answer from being stored. */
export type Refusal =
  | 'method'
  | 'request no-store'
  | 'status'
  | 'no-store'
  | 'private'
  | 'must-understand'
  | 'authorization'
  | 'set-cookie'
  | 'vary *'
  | 'no freshness'

/** What is understood here, as `must-understand` asks (RFC 9111 5.2.2.3): final statuses of RFC 9110 15. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 501, 505,
])

/**
 * Never stored, whatever the app says of them: an answer about a validator (304) or a part (206); and those of an app in trouble, which
 * the edge replaces with pages of its own.
 */
const NEVER: ReadonlySet<number> = new Set([206, 304, 429, 500, 502, 503, 504])

/** May this answer to a request of this method be stored, and sent to others (RFC 9111 3)? @returns why not; undefined: it may. */
export function whyNotStored(method: string, request: RequestRules, head: StoredHead): Refusal | undefined {
  const { status, directives, fields } = head
  if (method !== 'GET') return 'method'
  if (request.noStore) return 'request no-store'
  if (status < 200 || NEVER.has(status)) return 'status'
  if (directives.has('must-understand')) {
    if (!UNDERSTOOD.has(status)) return 'must-understand'
  } else if (directives.has('no-store')) return 'no-store'
  if (isUnqualified(directives, 'private')) return 'private'
  if (request.hasAuthorization && !allowsAuthorization(directives)) return 'authorization'
  if (linesOf(fields, 'set-cookie').length > 0 && !isMeantForAll(directives)) return 'set-cookie'
  if (varyOf(fields) === '*') return 'vary *'
  return isUseful(head) ? undefined : 'no freshness'
}

/** RFC 9111 3.5. It holds for storing, and here for sending to a request with credentials, too. */
export function allowsAuthorization(directives: Directives): boolean {
  return directives.has('public') || directives.has('s-maxage') || directives.has('must-revalidate')
}

function isMeantForAll(directives: Directives): boolean {
  return directives.has('public') || directives.has('s-maxage')
}

/** The last of RFC 9111 3: something must say that it may be kept. And it must be of use: for some time, or by its validator. */
function isUseful({ status, fields, directives, isExplicit, lifetimeS }: StoredHead): boolean {
  const isAllowed = isExplicit || directives.has('public') || isHeuristicallyCacheable(status) || lifetimeS > 0
  if (!isAllowed) return false
  if (status === 200 && validatorsFor(fields).length > 0) return true
  if (isUnqualified(directives, 'no-cache')) return false
  return lifetimeS > 0 || (secondsOf(directives, 'stale-while-revalidate') ?? 0) > 0
}
