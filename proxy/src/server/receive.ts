import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { isIPv4, isIPv6 } from 'node:net'
import type { Connection, Incoming, RequestHead } from '../request.ts'
import { MAX_RAW_NAME, normaliseName } from '../site/name.ts'
import type { Site } from '../site/site.ts'
import { identifySite } from '../site/site.ts'
import { asUpgrade } from './extended-connect.ts'
import { isMethod, type RequestLine } from './odd-line.ts'
import type { PlainHead } from './plain-head.ts'

/** A request that goes no further: what the visitor gets, and why, for the log. */
export type Refused = { status: 400 | 403 | 405 | 421 | 431 | 501 | 505; reason: string }

/** Lines of a head: in bytes alone they could be 16,000. HTTP/2 ends the stream when there are more. */
const MAX_HEADER_LINES = 256
/** How many `Host` values are remembered with their site. */
const REMEMBERED_HOSTS = 10_000
/** No `Host` is longer that is one: a name before it is normalised, and a port. */
const MAX_AUTHORITY = MAX_RAW_NAME + ':65535'.length
/** RFC 9112 3.2: visible ASCII and obs-text, without `#`. */
const TARGET = /^\/[!"$-~\x80-\xff]*$/
const ABSOLUTE = /^https?:\/\/([^/?#]+)([/?][!"$-~\x80-\xff]*)?$/i
const HOST_PORT = /^(\[[0-9a-f:.]+\]|[^:[\]\x80-\xff]+)(?::(\d{0,5}))?$/i

/** The stages `receive` and `identify`: a request, whoever parsed it, becomes the head that every later stage sees. */
export type Receiver = (
  request: Incoming | PlainHead,
  line: RequestLine,
  connection: Connection,
) => RequestHead | Refused

export function createReceiver(blotHost: string, nextId: () => string): Receiver {
  const sites = new Map<string, Site | null>()

  /** One parse for each distinct `Host`; the oldest is forgotten when strangers make up too many. */
  function identify(authority: string): Site | null {
    if (authority.length > MAX_AUTHORITY) return null
    const known = sites.get(authority)
    if (known !== undefined) return known
    const site = parseAuthority(authority, blotHost)
    if (sites.size >= REMEMBERED_HOSTS) {
      const oldest = sites.keys().next()
      if (!oldest.done) sites.delete(oldest.value)
    }
    sites.set(authority, site)
    return site
  }

  return (request, line, connection) => {
    // Not by version: a request line of HTTP/1.1 may claim to be HTTP/2.0.
    const read = 'stream' in request ? readHttp2(request) : readHttp1(request, line)
    if ('status' in read) return read
    const site = identify(read.authority)
    if (site === null) return { status: 400, reason: 'invalid host' }
    return head(read, { connection, site, id: nextId() })
  }
}

type Line = Pick<RequestHead, 'method' | 'authority' | 'target' | 'version' | 'headers' | 'rawHeaders'>
type Http1Head = Pick<IncomingMessage | PlainHead, 'headers' | 'rawHeaders' | 'httpVersion'>
type Rest = { connection: Connection; site: Site; id: string }

function head(line: Line, rest: Rest): RequestHead {
  return {
    method: line.method,
    scheme: visitorScheme(rest.connection, line.headers),
    host: rest.site.host,
    authority: line.authority,
    target: line.target,
    version: line.version,
    headers: line.headers,
    rawHeaders: line.rawHeaders,
    connection: rest.connection,
    site: rest.site,
    id: rest.id,
  }
}

/** The scheme that the visitor used: a trusted proxy that ends TLS says so. */
function visitorScheme({ scheme, trusted }: Connection, headers: IncomingHttpHeaders): 'http' | 'https' {
  if (scheme === 'https' || !trusted) return scheme
  return headers['x-forwarded-proto']?.toString().toLowerCase() === 'https' ? 'https' : scheme
}

function readHttp1(request: Http1Head, { method = '', url: target = '' }: RequestLine): Line | Refused {
  const { rawHeaders, headers, httpVersion } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return { status: 505, reason: 'version not supported' }
  if (rawHeaders.length > 2 * MAX_HEADER_LINES) return { status: 431, reason: 'too many header lines' }
  let authority: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== 4 || rawHeaders[i]?.toLowerCase() !== 'host') continue
    if (authority !== undefined) return { status: 400, reason: 'several hosts' }
    authority = rawHeaders[i + 1]
  }
  if (authority === undefined || authority === '') {
    // RFC 9112 3.2 for HTTP/1.1; an HTTP/1.0 client is right not to send one, but there is no site to show it.
    return httpVersion === '1.1' ? { status: 400, reason: 'no host' } : { status: 403, reason: 'no host' }
  }
  const refused = refuseCoding(headers['transfer-encoding'], httpVersion)
  if (refused !== undefined) return refused
  const line: Line = { method, authority, target, version: httpVersion, headers, rawHeaders }
  if (isTarget(target, method)) return line
  // RFC 9112 3.2.2: in absolute form, the target's authority takes the place of Host.
  const absolute = ABSOLUTE.exec(target)
  if (absolute === null) return { status: 400, reason: 'invalid target' }
  const [, inTarget = '', path = '/'] = absolute
  return { ...line, authority: inTarget, target: path.startsWith('/') ? path : `/${path}` }
}

function readHttp2(request: Http2ServerRequest): Line | Refused {
  const { headers, method, rawHeaders } = request
  if (!isMethod(method)) return { status: 400, reason: 'invalid method' }
  const pseudo = headers[':authority']
  const authority = typeof pseudo === 'string' && pseudo !== '' ? pseudo : headers.host
  if (authority === undefined || authority === '') return { status: 400, reason: 'no host' }
  // RFC 9113 8.3.1: the two may not name different entities.
  if (headers.host !== undefined && headers.host !== authority) return { status: 400, reason: 'two different hosts' }
  let first = 0
  while (rawHeaders[first]?.startsWith(':')) first += 2
  const line = { method, authority, target: request.url ?? '', headers, rawHeaders: rawHeaders.slice(first) }
  const protocol = headers[':protocol']
  const read = typeof protocol === 'string' ? asUpgrade(line, protocol) : line
  if ('status' in read) return read
  // RFC 9113 8.5: CONNECT has no :path.
  const target = read.method === 'CONNECT' ? authority : read.target
  return isTarget(target, read.method) ? { ...read, target, version: '2.0' } : { status: 400, reason: 'invalid target' }
}

/** RFC 9112 3.2: origin form; asterisk form for OPTIONS alone; authority form for CONNECT alone, which `guard` refuses. */
function isTarget(target: string, method: string | undefined): boolean {
  if (method === 'CONNECT') return HOST_PORT.test(target)
  return TARGET.test(target) || (target === '*' && method === 'OPTIONS')
}

/** RFC 9112 6.1: no coding but `chunked` is known here, and HTTP/1.0 knows none. */
function refuseCoding(coding: string | undefined, version: '1.0' | '1.1'): Refused | undefined {
  if (coding === undefined) return undefined
  if (version === '1.0') return { status: 400, reason: 'transfer coding in HTTP/1.0' }
  return coding.toLowerCase() === 'chunked' ? undefined : { status: 501, reason: 'transfer coding not implemented' }
}

/** `host[:port]` of RFC 9110 7.2, or null. */
function parseAuthority(authority: string, blotHost: string): Site | null {
  const match = HOST_PORT.exec(authority)
  if (match === null) return null
  const [, host = '', port] = match
  if (port !== undefined && Number(port) > 65535) return null
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1)) ? identifySite(host.toLowerCase(), blotHost, true) : null
  if (isIPv4(host)) return identifySite(host, blotHost, true)
  const name = normaliseName(host)
  return name === undefined ? null : identifySite(name, blotHost, false)
}
