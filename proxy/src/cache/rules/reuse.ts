import { ageAt } from './age.ts'
import { isUnqualified, secondsOf, type Directives } from './directives.ts'
import type { RequestRules } from './request-rules.ts'
import { TROUBLE } from './statuses.ts'
import type { StoredHead } from './stored-head.ts'

/**
 * `fresh`: send it. `revalidating`: send it though it is stale, and ask the app meanwhile (RFC 5861 3). `stale`: send it though
 * it is stale, since the visitor takes it (`max-stale`). `validate`: ask the app first.
 */
export type Reuse = 'fresh' | 'revalidating' | 'stale' | 'validate'

type Reusable = StoredHead & {
  /** A soft purge, or the app's later word, ended its time early. */
  readonly isStale?: boolean
}

/** How long after its time an answer may stand in for an app that is away and has not said otherwise (RFC 9111 4.2.4). */
const AWAY_S = 86_400

/** What clocks that are kept in step may be wrong by. */
const SLACK_MS = 5000

/**
 * The clock was set back since this answer was stored: how old it is nobody knows, and it must not stay fresh until the clock
 * has caught up.
 */
function isOfUnknownAge({ receivedMs }: StoredHead, nowMs: number): boolean {
  return receivedMs - nowMs > SLACK_MS
}

/** May this stored answer be sent without asking the app (RFC 9111 4)? */
export function judge(stored: Reusable, request: RequestRules, nowMs: number): Reuse {
  const { directives } = stored
  if (request.noCache || isUnqualified(directives, 'no-cache')) return 'validate'
  const ageS = ageAt(stored, nowMs)
  if (request.maxAgeS !== undefined && ageS > request.maxAgeS) return 'validate'
  const freshForS = freshFor(isOfUnknownAge(stored, nowMs) ? { ...stored, isStale: true } : stored, ageS)
  if (freshForS > 0 && freshForS >= (request.minFreshS ?? 0)) return 'fresh'
  // Who wants it fresh for a while does not take it stale.
  if (request.minFreshS !== undefined || mustRevalidate(directives)) return 'validate'
  // The app may be well again.
  if (TROUBLE.has(stored.status)) return 'validate'
  const staleForS = -freshForS
  if (staleForS < whileRevalidating(directives)) return 'revalidating'
  const maySendStale = !directives.has('s-maxage') && staleForS <= (request.maxStaleS ?? -1)
  return maySendStale ? 'stale' : 'validate'
}

/**
 * May it be sent because the app did not answer, or answered with a 5xx (RFC 9111 4.2.4, 4.3.3; RFC 5861 4)? `stale-if-error` allows it
 * for as long as it says; without it, what forbids nothing is allowed for a day.
 */
export function mayStandIn(stored: Reusable, request: RequestRules, nowMs: number): boolean {
  const { directives } = stored
  if (request.noCache || isUnqualified(directives, 'no-cache') || mustRevalidate(directives)) return false
  if (TROUBLE.has(stored.status)) return false
  const ageS = ageAt(stored, nowMs)
  if (request.maxAgeS !== undefined && ageS > request.maxAgeS) return false
  const staleForS = -freshFor(stored, ageS)
  const allowedS = secondsOf(directives, 'stale-if-error') ?? request.staleIfErrorS
  if (allowedS !== undefined) return staleForS <= allowedS
  return !directives.has('s-maxage') && staleForS <= AWAY_S
}

/** How long after its time an answer may be sent, in seconds, to a visitor who asks nothing of caches. */
export type StaleWindows = { readonly whileRevalidatingS: number; readonly ifErrorS: number }

export function staleWindowsOf({ directives }: StoredHead): StaleWindows {
  if (isUnqualified(directives, 'no-cache') || mustRevalidate(directives)) return { whileRevalidatingS: 0, ifErrorS: 0 }
  const unsaidS = directives.has('s-maxage') ? 0 : AWAY_S
  const ifErrorS = (secondsOf(directives, 'stale-if-error') ?? unsaidS) || 0
  return { whileRevalidatingS: whileRevalidating(directives), ifErrorS }
}

/** Seconds; negative when it is stale. What was made stale before its time is so from now on. */
function freshFor({ lifetimeS, isStale }: Reusable, ageS: number): number {
  return isStale === true ? Math.min(0, lifetimeS - ageS) : lifetimeS - ageS
}

/** Forbidden in words (RFC 9111 5.2.2.2, 5.2.2.8): no permission to send stale answers counts beside them. */
function mustRevalidate(directives: Directives): boolean {
  return directives.has('must-revalidate') || directives.has('proxy-revalidate')
}

/**
 * Seconds. What `s-maxage` implies (RFC 9111 5.2.2.10) gives way here: an app that writes `stale-while-revalidate` beside it means just
 * this cache.
 */
function whileRevalidating(directives: Directives): number {
  return secondsOf(directives, 'stale-while-revalidate') || 0
}
