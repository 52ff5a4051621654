import type { FieldList } from '../representation.ts'
import { isComposed } from './composed.ts'
import { isUnqualified, namedFields, secondsOf, type Directives } from './directives.ts'
import { linesOf, withoutFields } from './fields.ts'
import type { Asker, RequestRules } from './request-rules.ts'
import { HEURISTIC, NEVER_STORED, TROUBLE, UNDERSTOOD } from './statuses.ts'
import type { StoredHead } from './stored-head.ts'
import { mergeFields, validatorsFor } from './validation.ts'
import { isSameVary, varyOf, type VaryNames } from './vary.ts'

/** The rule that keeps an answer from being stored. */
export type Refusal =
  | 'method'
  | 'request no-store'
  | 'status'
  | 'trouble'
  | 'no-store'
  | 'private'
  | 'must-understand'
  | 'authorization'
  | 'cookie'
  | 'set-cookie'
  | 'vary *'
  | 'vary changed'
  | 'no freshness'

/** Refused for what the request brought along: what others get, or have got, is another matter. */
const ABOUT_ASKER: ReadonlySet<string> = new Set([
  'method',
  'request no-store',
  'authorization',
  'cookie',
] satisfies Refusal[])

export function isAboutAsker(why: string): boolean {
  return ABOUT_ASKER.has(why)
}

/** May this answer to a request of this method be stored, and sent to others (RFC 9111 3)? @returns why not; undefined: it may. */
export function whyNotStored(method: string, asker: Asker, head: StoredHead): Refusal | undefined {
  const { status, directives, fields } = head
  if (method !== 'GET') return 'method'
  if (asker.noStore) return 'request no-store'
  if (status < 200 || NEVER_STORED.has(status)) return 'status'
  if (TROUBLE.has(status) && !isComposed(head)) return 'trouble'
  if (directives.has('must-understand')) {
    if (!UNDERSTOOD.has(status)) return 'must-understand'
  } else if (directives.has('no-store')) return 'no-store'
  if (isUnqualified(directives, 'private')) return 'private'
  if (asker.hasAuthorization && !allowsAuthorization(directives)) return 'authorization'
  if (asker.hasCookie && !isExplicitlyAllowed(head)) return 'cookie'
  if (linesOf(fields, 'set-cookie').length > 0 && !isMeantForAll(directives)) return 'set-cookie'
  if (varyOf(fields) === '*') return 'vary *'
  return isUseful(head) ? undefined : 'no freshness'
}

/**
 * May a stored answer to a GET stay under this newer head, and be sent by it? For whom its body was made is settled; by which fields it was
 * selected is known, by which others it might be is not.
 * @param rules of the visitor for whom the newer head was made.
 * @param vary of what is stored.
 */
export function whyNotKept(rules: RequestRules, merged: StoredHead, vary: VaryNames): Refusal | undefined {
  if (!isSameVary(varyOf(merged.fields), vary)) return 'vary changed'
  const refusal = whyNotStored('GET', { ...rules, hasCookie: false }, merged)
  return refusal === 'no freshness' ? undefined : refusal
}

/**
 * What is kept of a newer head for others. One that was made for somebody with a cookie, and does not say for how long others may have it, may
 * speak to him: of it count the fields that are about the answer.
 * @param update end-to-end fields as they came; `merged` is judged and holds them all.
 */
export function updatedFields(
  stored: FieldList,
  update: FieldList,
  merged: StoredHead,
  { hasCookie }: Asker,
): string[] {
  if (!hasCookie || isExplicitlyAllowed(merged)) return storedFields(merged)
  const shared = withoutFields(update, (name) => !ABOUT_ANSWER.has(name))
  return storedFields({ ...merged, fields: mergeFields(stored, shared) })
}

/** RFC 9110 15.4.5, RFC 9213. */
const ABOUT_ANSWER: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'cdn-cache-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
])

/** Without what is not kept: cookies, and the fields that `no-cache` and `private` name (RFC 9111 5.2.2.4, 5.2.2.7). */
export function storedFields({ fields, directives }: Pick<StoredHead, 'fields' | 'directives'>): string[] {
  const named = namedFields(directives)
  return withoutFields(fields, (name) => name === 'set-cookie' || named.has(name))
}

/**
 * What was made for somebody with a cookie is for others if the app, or the operator, says for how long. That nothing is said at all may be
 * an app's oversight, which would show one visitor's page to another: it is no permission (RFC 9111 3 leaves it to the cache).
 */
function isExplicitlyAllowed({ directives, isExplicit, untilPurged, lifetimeS }: StoredHead): boolean {
  return isExplicit || directives.has('public') || (untilPurged && lifetimeS > 0)
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
  const isAllowed = isExplicit || directives.has('public') || HEURISTIC.has(status) || lifetimeS > 0
  if (!isAllowed) return false
  if (status === 200 && validatorsFor(fields).length > 0) return true
  if (isUnqualified(directives, 'no-cache')) return false
  return lifetimeS > 0 || (secondsOf(directives, 'stale-while-revalidate') ?? 0) > 0
}
