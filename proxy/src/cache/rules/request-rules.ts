import type { IncomingHttpHeaders } from 'node:http'
import { parseCacheControl, secondsOf, type Directives } from './directives.ts'

/** What a visitor asks of caches (RFC 9111 5.2.1); undefined where he asks nothing. Seconds. */
export type RequestRules = {
  readonly noStore: boolean
  /** Nothing stored without asking the app: `no-cache`, or `Pragma` beside no Cache-Control (5.4). */
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAgeS: number | undefined
  readonly minFreshS: number | undefined
  /** Infinity for `max-stale` without a number. */
  readonly maxStaleS: number | undefined
  /** RFC 5861 4. */
  readonly staleIfErrorS: number | undefined
  readonly hasAuthorization: boolean
}

/** The same, of the one for whom an answer was made. */
export type Asker = RequestRules & { readonly hasCookie: boolean }

/** Of a visitor who asks nothing of caches. */
export const NO_WISHES: RequestRules = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAgeS: undefined,
  minFreshS: undefined,
  maxStaleS: undefined,
  staleIfErrorS: undefined,
  hasAuthorization: false,
}

/** Characters. Reading a longer one would keep others waiting: whoever sends it is asked for alone. */
const MAX_LINE = 1024

export function readRequest(headers: IncomingHttpHeaders): RequestRules {
  const line = headers['cache-control']
  const hasAuthorization = headers.authorization !== undefined
  if (line === undefined) {
    const noCache = headers.pragma !== undefined && parseCacheControl([headers.pragma]).has('no-cache')
    return noCache || hasAuthorization ? { ...NO_WISHES, noCache, hasAuthorization } : NO_WISHES
  }
  if (line.length > MAX_LINE) return { ...NO_WISHES, noStore: true, noCache: true, hasAuthorization }
  const directives = parseCacheControl([line])
  return {
    noStore: directives.has('no-store'),
    noCache: directives.has('no-cache'),
    onlyIfCached: directives.has('only-if-cached'),
    maxAgeS: strictest(directives, 'max-age', 0),
    minFreshS: strictest(directives, 'min-fresh', Infinity),
    maxStaleS: directives.get('max-stale') === true ? Infinity : strictest(directives, 'max-stale', 0),
    staleIfErrorS: strictest(directives, 'stale-if-error', 0),
    hasAuthorization,
  }
}

export function readAsker(headers: IncomingHttpHeaders): Asker {
  return { ...readRequest(headers), hasCookie: headers.cookie !== undefined }
}

/** A number that cannot be read means the most that the visitor may have wanted. */
function strictest(directives: Directives, name: string, most: number): number | undefined {
  const seconds = secondsOf(directives, name)
  return Number.isNaN(seconds) ? most : seconds
}
