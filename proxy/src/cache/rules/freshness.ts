import { parseHttpDate } from '../http-date.ts'
import type { FieldList } from '../representation.ts'
import type { AnswerHead } from './answer-head.ts'
import { secondsOf, type Directives } from './directives.ts'
import { linesOf } from './fields.ts'
import { HEURISTIC, TROUBLE, UNTIL_PURGED } from './statuses.ts'

export type FreshnessFacts = {
  readonly directives: Directives
  /** The directives are those of `CDN-Cache-Control`: `Expires` is not for us. */
  readonly isTargeted: boolean
  readonly dateMs: number | undefined
  readonly untilPurged: boolean
}

/** A tenth of the time since the last change (RFC 9111 4.2.2), at most a day. */
const HEURISTIC_SHARE = 0.1
const HEURISTIC_MAX_S = 86_400
/** How long Blot's NGINX kept what the app said nothing about. */
const YEAR_S = 31_536_000
/** An error is kept no longer than this, whatever the app says: what it meant for the page may have got onto it. */
const TROUBLE_MAX_S = 60

/** Does the answer itself say until when it is fresh (RFC 9111 4.2.1)? */
export function isExplicit(fields: FieldList, directives: Directives, isTargeted: boolean): boolean {
  if (directives.has('s-maxage') || directives.has('max-age')) return true
  return !isTargeted && linesOf(fields, 'expires').length > 0
}

/** Who says how long an answer is fresh: itself, its operator, or nobody, so that it is a guess. */
export type LifetimeSource = 's-maxage' | 'max-age' | 'expires' | 'until purged' | 'last-modified' | 'nothing'
export type Lifetime = { readonly lifetimeS: number; readonly lifetimeFrom: LifetimeSource }

/**
 * Freshness lifetime in seconds (RFC 9111 4.2.1): `s-maxage`, `max-age`, `Expires`, a guess. What is there and malformed is
 * stale (4.2.1, 5.3).
 */
export function lifetimeOf(head: AnswerHead, facts: FreshnessFacts): Lifetime {
  const { lifetimeS, lifetimeFrom } = saidLifetime(head, facts)
  return { lifetimeS: TROUBLE.has(head.status) ? Math.min(TROUBLE_MAX_S, lifetimeS) : lifetimeS, lifetimeFrom }
}

function saidLifetime(head: AnswerHead, facts: FreshnessFacts): Lifetime {
  const { directives, isTargeted, dateMs = head.receivedMs } = facts
  for (const name of ['s-maxage', 'max-age'] as const) {
    const seconds = secondsOf(directives, name)
    if (seconds !== undefined) return { lifetimeS: Number.isNaN(seconds) ? 0 : seconds, lifetimeFrom: name }
  }
  if (isExplicit(head.fields, directives, isTargeted)) {
    const expiresMs = parseHttpDate(linesOf(head.fields, 'expires')[0] ?? '', head.receivedMs)
    const lifetimeS = expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs) / 1000
    return { lifetimeS, lifetimeFrom: 'expires' }
  }
  if (facts.untilPurged && directives.size === 0 && UNTIL_PURGED.has(head.status)) {
    return { lifetimeS: YEAR_S, lifetimeFrom: 'until purged' }
  }
  const lifetimeS = heuristicLifetime(head, facts)
  return { lifetimeS, lifetimeFrom: lifetimeS > 0 ? 'last-modified' : 'nothing' }
}

function heuristicLifetime(head: AnswerHead, { directives, dateMs = head.receivedMs }: FreshnessFacts): number {
  if (!HEURISTIC.has(head.status) && !directives.has('public')) return 0
  const modifiedMs = parseHttpDate(linesOf(head.fields, 'last-modified')[0] ?? '', head.receivedMs)
  if (modifiedMs === undefined) return 0
  return Math.min(HEURISTIC_MAX_S, (Math.max(0, dateMs - modifiedMs) / 1000) * HEURISTIC_SHARE)
}
