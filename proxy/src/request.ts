import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { CacheState } from './events.ts'
import type { Site } from './site/site.ts'

/** What the edge knows of one downstream connection. It goes with each request; nothing else reads the socket. */
export type Connection = {
  readonly id: number
  /** The visitor's address: of the peer, or of the PROXY header of a trusted peer. IPv4-mapped IPv6 is written as IPv4. */
  readonly address: string
  readonly port: number
  /** The peer is a trusted proxy: its forwarding headers are believed. */
  readonly trusted: boolean
  /** The TCP peer itself is on loopback, and sent no PROXY header. */
  readonly loopback: boolean
  readonly scheme: 'http' | 'https'
  /** The listening port that the visitor used. */
  readonly localPort: number
  /** Normalised SNI; undefined on a plain connection and when the visitor sent none. */
  readonly serverName: string | undefined
  /** Does the certificate that was presented cover this name? (RFC 9110 15.5.20: 421 otherwise.) Plain: always. */
  readonly covers: (host: string) => boolean
}

/**
 * The head of one request as every stage sees it, whichever lane it came by (express, node:http, node:http2).
 * Plain data: no stream, no socket.
 */
export type RequestHead = {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** The normalised name (or the IP address) of `Host` or `:authority`, without a port. */
  readonly host: string
  /** `Host` or `:authority` as it was sent: what the app gets. */
  readonly authority: string
  /** The origin-form target, byte for byte (RFC 9112 3.2.1): path and query. */
  readonly target: string
  readonly version: '1.0' | '1.1' | '2.0'
  readonly headers: IncomingHttpHeaders
  /** Name, value, name, value…, as sent; pseudo-header fields left out. */
  readonly rawHeaders: readonly string[]
  readonly connection: Connection
  readonly site: Site
  /** 32 hex digits; goes to the app as `X-Request-ID`. */
  readonly id: string
}

/** A request of either protocol: Node's compatibility API makes them one. */
export type Incoming = IncomingMessage | Http2ServerRequest
export type Outgoing = ServerResponse | Http2ServerResponse

/** A request on its way through the stages; what they find out about it is written here, for headers and the log. */
export type Exchange = {
  readonly head: RequestHead
  readonly request: Incoming
  readonly response: Outgoing
  cache: CacheState | undefined
  /** The parameters of `Cache-Status` (RFC 9211 2), where more is known than the state alone tells. */
  cacheStatus: string | undefined
  /** `host:port` of the upstream that answered, or was asked last. */
  upstream: string | undefined
  /** Why it was refused or failed: for the log, never for the page. */
  reason: string | undefined
  /** Bytes of body handed to the connection so far. */
  bytes: number
  /** How long it has waited for the app to be back, ms. */
  heldMs?: number
  /** Set where the answer turns out to be one that may go on for hours. */
  lasting: Lasting | undefined
  /** Where it stands among the exchanges that are under way. */
  place: number
}

/** What an answer says of itself depends on this. */
export type Carrier = Pick<Exchange, 'head' | 'cache' | 'cacheStatus'>

/** An answer that is whole before it begins. */
export type ReadyAnswer = {
  readonly status: number
  /** Header fields as a flat list; a frozen one is the same for every answer. */
  readonly fields: readonly string[]
  /** Fields that other answers carry, too. */
  readonly common: readonly string[]
  readonly body: Buffer | undefined
}

/** An answer without an end of its own: a drain lets it go on longer than others. */
export type Lasting = {
  readonly kind: 'streams' | 'tunnels'
  /** Ends it so that the visitor sees an end, and no fault. */
  end(): void
}

const exchanges = Symbol('exchange')
type Bound = Incoming & { [exchanges]?: Exchange }

/** Ties an exchange to Node's request, so that code behind Fastify finds it again. */
export function bindExchange(exchange: Exchange): void {
  const bound: Bound = exchange.request
  bound[exchanges] = exchange
}

/** The exchange of a request that came through the stages. */
export function exchangeOf(request: Incoming): Exchange {
  const bound: Bound = request
  const exchange = bound[exchanges]
  if (exchange === undefined) throw new TypeError('this request did not come through the stages')
  return exchange
}
