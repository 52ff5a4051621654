import type { RequestHead } from '../request.ts'
import { FORWARDING_FIELDS } from './forwarded.ts'

/** Header lists are flat here: name, value, name, value…, in the sender's order and letter case, repeated lines kept. */
export type HeaderList = readonly string[]

/** Meant for one connection only (RFC 9110 7.6.1), with the fields that history added. `Proxy-*` belongs to them. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** Sent anew, or answered here. */
const NOT_FORWARDED: ReadonlySet<string> = new Set(['expect', 'host'])

/** Fields that frame or route a message stay, whoever names them in `Connection`. */
const NEVER_NAMED: ReadonlySet<string> = new Set(['content-length', 'host'])

/** RFC 9110 6.5.1: what changes how a message is framed, routed, authorised or read cannot come after its body. */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'host',
  'location',
  'set-cookie',
  'trailer',
  'www-authenticate',
])

/** How a request's body goes to the upstream: there is none, or as long as `Content-Length` says, or in chunks. */
export type RequestFraming = 'none' | 'sized' | 'chunked'

/**
 * The list that goes to the upstream: `Host` as the visitor sent it, then what is end-to-end, then `forwarding`, then what
 * is of this connection: the framing, and the protocols that are offered.
 * Many an app reads `_` as `-` (RFC 3875 4.1.18), so that a stranger's `X_Real_IP` goes the way of his `X-Real-IP`.
 * Left out besides: `Expect`, which is answered here, and `Trailer` where no trailers can follow.
 */
export function requestHeaders(
  head: RequestHead,
  forwarding: HeaderList,
  framing: RequestFraming,
  upgrade: string | undefined,
): string[] {
  const named = namedInConnection(head.rawHeaders)
  const headers = ['Host', head.authority]
  const { rawHeaders } = head
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const lower = name.toLowerCase()
    if (NOT_FORWARDED.has(lower) || isHopByHop(lower, named) || isForwarding(lower)) continue
    if (framing === 'chunked' ? lower === 'content-length' : lower === 'trailer') continue
    headers.push(name, rawHeaders[i + 1] ?? '')
  }
  const joined = head.version === '2.0' ? joinCookies(headers) : headers
  joined.push(...forwarding)
  if (framing === 'chunked') joined.push('Transfer-Encoding', 'chunked')
  if (upgrade !== undefined) joined.push('Connection', 'Upgrade', 'Upgrade', upgrade)
  return joined
}

function isForwarding(name: string): boolean {
  return FORWARDING_FIELDS.has(name.includes('_') ? name.replaceAll('_', '-') : name)
}

/** What the visitor is able to get. */
export type AnswerShape = {
  readonly version: RequestHead['version']
  readonly method: string
  readonly status: number
}

/** Can there be a body? (RFC 9112 6.3) */
export function isBodyless({ method, status }: Pick<AnswerShape, 'method' | 'status'>): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/**
 * The list that goes to the visitor: what is end-to-end in the upstream's, without fields that `own` sets, then `own`.
 * `Trailer` stays only where trailers can follow; a 204 has no `Content-Length` (RFC 9110 8.6).
 */
export function answerHeaders(upstream: HeaderList, shape: AnswerShape, own: HeaderList): string[] {
  const named = namedInConnection(upstream)
  const ours = namesOf(own)
  const sized = shape.version !== '2.0' && firstValue(upstream, 'content-length') !== undefined
  const trailers = shape.version !== '1.0' && !isBodyless(shape) && !sized
  const headers = filterHeaders(upstream, (name) => {
    // Each cache on the way adds its own word (RFC 9211 2).
    if (isHopByHop(name, named) || (ours.has(name) && name !== 'cache-status')) return false
    if (name === 'trailer') return trailers
    return !(name === 'content-length' && shape.status === 204)
  })
  headers.push(...own)
  return headers
}

/** The fields of a 1xx answer that are the visitor's business. */
export function informationFields(upstream: HeaderList): Record<string, string> {
  const named = namedInConnection(upstream)
  return toRecord(filterHeaders(upstream, (name) => !isHopByHop(name, named)))
}

/** The trailers that may come late. */
export function trailerList(trailers: HeaderList): string[] {
  return filterHeaders(trailers, (name) => !isHopByHop(name, undefined) && !NOT_IN_TRAILERS.has(name))
}

/** The same for Node's API. */
export function trailerFields(upstream: HeaderList): Record<string, string> {
  return toRecord(trailerList(upstream))
}

/** The protocols of `Upgrade` that are offered to the upstream: all but HTTP/2, which would go round the edge (RFC 9113 3.1). */
export function offeredProtocols(upgrade: string | undefined): string | undefined {
  const offered = (upgrade ?? '').split(',').map((protocol) => protocol.trim())
  return offered.filter((protocol) => protocol !== '' && !/^h2c?$/i.test(protocol)).join(', ') || undefined
}

export function firstValue(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.length === name.length && headers[i]?.toLowerCase() === name) return headers[i + 1]
  }
  return undefined
}

/** By name, in lower case; values of a repeated name are joined as RFC 9110 5.3 allows. */
function toRecord(headers: HeaderList): Record<string, string> {
  const fields: Record<string, string> = Object.create(null)
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]?.toLowerCase() ?? ''
    const value = headers[i + 1] ?? ''
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`
  }
  return fields
}

/** @param keep gets each name in lower case. */
function filterHeaders(headers: HeaderList, keep: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (keep(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}

function isHopByHop(name: string, named: ReadonlySet<string> | undefined): boolean {
  if (HOP_BY_HOP.has(name) || name.startsWith('proxy-')) return true
  return named !== undefined && named.has(name) && !NEVER_NAMED.has(name)
}

/** @returns undefined where `Connection` names nothing, which is nearly always. */
function namedInConnection(headers: HeaderList): Set<string> | undefined {
  let named: Set<string> | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.length !== 10 || headers[i]?.toLowerCase() !== 'connection') continue
    for (const option of (headers[i + 1] ?? '').split(',')) {
      const name = option.trim().toLowerCase()
      if (name !== 'close' && name !== 'keep-alive') (named ??= new Set()).add(name)
    }
  }
  return named
}

function namesOf(headers: HeaderList): Set<string> {
  const names = new Set<string>()
  for (let i = 0; i < headers.length; i += 2) names.add(headers[i]?.toLowerCase() ?? '')
  return names
}

/** RFC 9113 8.2.3: HTTP/2 sends cookies in crumbs; HTTP/1.1 knows one line only. */
function joinCookies(headers: string[]): string[] {
  const cookies: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'cookie') cookies.push(headers[i + 1] ?? '')
  }
  if (cookies.length < 2) return headers
  return [...filterHeaders(headers, (name) => name !== 'cookie'), 'Cookie', cookies.join('; ')]
}
