import type { CacheState } from '../events.ts'
import type { Exchange } from '../request.ts'

/** Headers that every answer carries, as a flat list that must not be changed. */
export type CommonHeaders = (exchange: Exchange) => readonly string[]

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
const STATES = [undefined, ...(Object.keys(STATUS) as CacheState[])]

/**
 * One frozen list for each state of the cache and scheme, made once: a hit allocates nothing for them.
 * @param altSvc value of `Alt-Svc` on https (RFC 7838 3), or undefined for none.
 */
export function createCommonHeaders(serverName: string, altSvc: string | undefined): CommonHeaders {
  const plain = new Map(STATES.map((state) => [state, list(serverName, state, undefined)]))
  const secure = new Map(STATES.map((state) => [state, list(serverName, state, altSvc)]))
  return ({ head, cache }) => (head.scheme === 'https' ? secure : plain).get(cache) ?? []
}

function list(serverName: string, state: CacheState | undefined, altSvc: string | undefined): readonly string[] {
  const headers = ['X-Content-Type-Options', 'nosniff', 'Blot-Server', serverName]
  if (state !== undefined) headers.push('Blot-Cache', state, 'Cache-Status', `${serverName}; ${STATUS[state]}`)
  if (altSvc !== undefined) headers.push('Alt-Svc', altSvc)
  return Object.freeze(headers)
}
