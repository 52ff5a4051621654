import type { CacheState } from '../events.ts'
import type { Exchange, RequestHead } from '../request.ts'

/** What they depend on. */
export type Carrier = Pick<Exchange, 'cache' | 'cacheStatus'> & { readonly head: Pick<RequestHead, 'scheme'> }

/** Headers that every answer carries, as a flat list that must not be changed. */
export type CommonHeaders = (carrier: Carrier) => readonly string[]

/** What `Cache-Status` says of a state (RFC 9211 2). */
const STATUS: Readonly<Record<CacheState, string>> = {
  HIT: 'hit',
  MISS: 'fwd=miss',
  EXPIRED: 'fwd=stale',
  STALE: 'hit; detail=stale',
  UPDATING: 'hit; detail=updating',
  REVALIDATED: 'fwd=stale; fwd-status=304',
  BYPASS: 'fwd=bypass',
}
const STATES = Object.keys(STATUS) as CacheState[]

/** Of an answer that the edge made itself: neither from its cache nor from the app. */
export const OWN_STATUS = 'detail=synth'

/**
 * One frozen list for each state of the cache and scheme, made once: where the state says it all, nothing is allocated.
 * @param altSvc value of `Alt-Svc` on https (RFC 7838 3), or undefined for none.
 */
export function createCommonHeaders(serverName: string, altSvc: string | undefined): CommonHeaders {
  const list = (state: CacheState, status: string, scheme: string): readonly string[] => {
    const own = ['X-Content-Type-Options', 'nosniff', 'Blot-Server', serverName]
    const cache = ['Blot-Cache', state, 'Cache-Status', `${serverName}; ${status}`]
    return [...own, ...cache, ...(altSvc === undefined || scheme === 'http' ? [] : ['Alt-Svc', altSvc])]
  }
  const listsFor = (scheme: string): ReadonlyMap<CacheState, readonly string[]> =>
    new Map(STATES.map((state) => [state, Object.freeze(list(state, STATUS[state], scheme))]))
  const plain = listsFor('http')
  const secure = listsFor('https')
  return ({ head, cache = 'BYPASS', cacheStatus }) => {
    if (cacheStatus !== undefined) return list(cache, cacheStatus, head.scheme)
    return (head.scheme === 'https' ? secure : plain).get(cache) ?? []
  }
}
