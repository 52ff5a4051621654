import type { RequestHead } from '../../request.ts'
import type { Coding } from '../../static/coding.ts'
import type { Verdict } from '../purge-log.ts'
import type { Rule } from '../reasons.ts'
import { ageAt } from '../rules/age.ts'
import { isUnqualified } from '../rules/directives.ts'
import type { LifetimeSource } from '../rules/freshness.ts'
import { NO_WISHES, readRequest } from '../rules/request-rules.ts'
import { judge, staleWindowsOf, type Reuse } from '../rules/reuse.ts'
import { allowsAuthorization } from '../rules/storable.ts'
import type { StoredHead } from '../rules/stored-head.ts'
import { selects, type StoredAnswer } from '../stored-answer.ts'
import { timeLeft } from '../status.ts'
import type { StoredView } from './view.ts'

export type StoredDetails = {
  readonly bytes: number
  readonly codings: readonly Coding[]
  /** What the purges since say of it. */
  readonly verdict: Verdict
}

/** @param head of the request that is asked about. */
export function viewStored(
  stored: StoredAnswer,
  { bytes, codings, verdict }: StoredDetails,
  head: RequestHead,
  nowMs: number,
): StoredView {
  const isStale = stored.isStale || verdict === 'stale'
  const reuse = verdict === 'drop' ? 'purged' : judgeFor(head, { ...stored, isStale }, nowMs)
  return {
    status: stored.head.status,
    bytes,
    codings,
    vary: stored.vary,
    selection: stored.selection,
    isSelected: selects(stored, head),
    tags: stored.names.tags,
    storedAtMs: stored.head.receivedMs,
    ageS: Math.floor(ageAt(stored.head, nowMs)),
    lifetimeS: Math.floor(stored.head.lifetimeS),
    lifetimeFrom: ruleOfLifetime(stored.head),
    leftS: isStale ? Math.min(0, timeLeft(stored.head, nowMs)) : timeLeft(stored.head, nowMs),
    ...staleWindowsOf(stored.head),
    reuse,
    rule: whyNotAsItIs(reuse, head, { ...stored, isStale }, nowMs),
  }
}

/** What `lookup` and `fetch` make of it. */
function judgeFor({ headers }: RequestHead, { head, isStale }: StoredAnswer, nowMs: number): Reuse {
  const wishes = readRequest(headers)
  if (wishes.hasAuthorization && !allowsAuthorization(head.directives)) return 'validate'
  return judge({ ...head, isStale }, wishes, nowMs)
}

function whyNotAsItIs(
  reuse: Reuse | 'purged',
  { headers }: RequestHead,
  { head, isStale }: StoredAnswer,
  nowMs: number,
): Rule | undefined {
  if (reuse === 'fresh') return undefined
  if (reuse === 'purged') return { words: 'a later purge is about it', section: undefined }
  const { hasAuthorization } = readRequest(headers)
  if (hasAuthorization && !allowsAuthorization(head.directives)) {
    return {
      words: 'the request has credentials, and the app did not say that all may have it',
      section: 'RFC 9111 3.5',
    }
  }
  if (isUnqualified(head.directives, 'no-cache')) {
    return { words: 'the app said no-cache: it is confirmed each time', section: 'RFC 9111 5.2.2.4' }
  }
  if (judge({ ...head, isStale }, NO_WISHES, nowMs) === 'fresh') {
    return { words: 'it is fresh, and the request does not take it so', section: 'RFC 9111 5.2.1' }
  }
  return WORDS[reuse]
}

const WORDS: Readonly<Record<Exclude<Reuse, 'fresh'>, Rule>> = {
  validate: { words: 'it is stale: the app is asked whether it still holds', section: 'RFC 9111 4.3' },
  revalidating: {
    words: 'it is stale, and sent while the app is asked: stale-while-revalidate',
    section: 'RFC 5861 3',
  },
  stale: { words: 'it is stale, and the request takes it so: max-stale', section: 'RFC 9111 5.2.1.2' },
}

function ruleOfLifetime({ lifetimeFrom, isTargeted }: StoredHead): Rule {
  const { words, section } = SOURCES[lifetimeFrom]
  return isTargeted ? { words: `${words} of CDN-Cache-Control`, section: 'RFC 9213 2' } : { words, section }
}

const SOURCES: Readonly<Record<LifetimeSource, Rule>> = {
  's-maxage': { words: 's-maxage', section: 'RFC 9111 5.2.2.10' },
  'max-age': { words: 'max-age', section: 'RFC 9111 5.2.2.1' },
  expires: { words: 'Expires', section: 'RFC 9111 5.3' },
  'until purged': { words: 'it is kept until purged (EDGE_CACHE_UNTIL_PURGED)', section: undefined },
  'last-modified': { words: 'a tenth of the time since Last-Modified', section: 'RFC 9111 4.2.2' },
  nothing: { words: 'no lifetime: it is confirmed each time', section: 'RFC 9111 4.2' },
}
