/** How requests travel: HTTP/1.1 without and with TLS 1.3, or HTTP/2. */
export type Via = 'http' | 'tls' | 'h2'

/** A load of HTTP requests. */
export type Requests = {
  readonly via: Via
  /** What is asked for, in turn. */
  readonly urls: readonly { readonly host: string; readonly path: string }[]
  readonly headers?: Readonly<Record<string, string>>
  /** The request is a POST of this file. */
  readonly bodyFile?: string
  readonly status: number
  readonly connections: number
  /** For large bodies: as many requests for each second asked for, instead of what fits into the time. */
  readonly perSecond?: number
}

/** Streams of one HTTP/2 connection. */
export const STREAMS = 10
