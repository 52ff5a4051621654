/** What the edge knows of one downstream connection. It goes with each request; nothing else reads the socket. */
export type Connection = {
  readonly id: number
  /** The visitor's address: of the peer, or of the PROXY header of a trusted peer. IPv4-mapped IPv6 is written as IPv4. */
  readonly address: string
  readonly port: number
  /** The peer is a trusted proxy: its forwarding headers are believed. */
  readonly trusted: boolean
  /** The TCP peer itself is on loopback (and sent no PROXY header). */
  readonly loopback: boolean
  readonly scheme: 'http' | 'https'
  /** The listening port that the visitor used. */
  readonly localPort: number
  /** Normalised SNI. */
  serverName: string | undefined
  /** Does the certificate that was presented cover this name? (RFC 9110 15.5.20: 421 otherwise.) Plain: always. */
  covers: (host: string) => boolean
}
