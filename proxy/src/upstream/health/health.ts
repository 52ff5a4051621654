/**
 * How an upstream is, as a check sees it. `draining`: it wants no new requests (503 with `Retry-After`). `failing`: it is there,
 * and does not answer its check as it should. `away`: nothing accepts connections.
 */
export type Verdict = 'up' | 'draining' | 'failing' | 'away'

/** What is known of one upstream: plain JSON, for the way between processes. */
export type Health = {
  /** As the configuration names it. */
  readonly url: string
  readonly verdict: Verdict
  /** What was seen when it is not up: a code, or a status. */
  readonly error?: string
}
