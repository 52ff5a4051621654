import type { IncomingHttpHeaders } from 'node:http'
import type { Site } from '../site/site.ts'
import type { Connection } from './connection.ts'

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
