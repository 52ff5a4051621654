import { channel } from 'node:diagnostics_channel'

/** What happens in the edge. Features publish; log, metrics and dashboard listen and are imported by no feature. */
export type EdgeEvents = {
  /** One request is over: the last byte was handed to the connection, or the connection is gone. */
  request: RequestEvent
  /** One TLS handshake is over. */
  handshake: HandshakeEvent
  /** A certificate is being obtained, was obtained, or could not be. */
  certificate: CertificateEvent
  /** A purge was applied in this process. */
  purge: { names: readonly string[]; entries: number; durationMs: number }
  /** A connection was opened or closed; `open` is how many there are now in this process. */
  connection: { open: number }
  /** An upstream is not as it was. */
  upstream: UpstreamEvent
  /** A request begins to wait for the app, or ends it; `waiting` is how many do now in this process. */
  hold: { outcome: HoldOutcome | undefined; waiting: number }
  /** How a reload goes on, told by the primary. */
  reload: ReloadEvent
  /** What became of a webhook that the app did not take at once. */
  webhook: WebhookEvent
  /** Something an operator should read in the log and no stage answers for. */
  fault: { area: string; message: string; error: unknown; name?: string }
}

export type CacheState = 'HIT' | 'MISS' | 'EXPIRED' | 'STALE' | 'UPDATING' | 'REVALIDATED' | 'BYPASS'

export type RequestEvent = {
  method: string
  scheme: 'http' | 'https'
  host: string
  target: string
  version: string
  status: number
  /** Bytes of body handed to the connection. */
  bytes: number
  durationMs: number
  /** How much of that it waited for the app to be back. */
  heldMs?: number | undefined
  cache: CacheState | undefined
  /** `host:port` of the upstream that answered. */
  upstream: string | undefined
  requestId: string
  address: string
  /** Why a request was refused or failed: for the log, never for the page. */
  reason: string | undefined
  /** The connection closed before the answer was complete. */
  aborted: boolean
  userAgent: string | undefined
  referrer: string | undefined
}

export type HandshakeOutcome = 'memory' | 'stored' | 'issued' | 'fallback' | 'refused'

export type HandshakeEvent = {
  name: string | undefined
  outcome: HandshakeOutcome
  /** By a session ticket: no certificate was sent. */
  resumed: boolean
  durationMs: number
  address: string
  reason: string | undefined
}

export type CertificateEvent = {
  name: string
  phase: 'obtaining' | 'obtained' | 'failed'
  issuer: string
  durationMs: number
  reason: string | undefined
}

export type UpstreamEvent = {
  /** As the configuration names it. */
  upstream: string
  verdict: 'up' | 'draining' | 'failing' | 'away'
  reason: string | undefined
}

/** How a request's waiting for the app ended: `released` to an upstream; `full`: no more may wait. */
export type HoldOutcome = 'released' | 'expired' | 'left' | 'full'

export type ReloadEvent = {
  phase: 'reloading' | 'succeeded' | 'failed'
  /** What was done, or what was not: a sentence. */
  step: string
}

/**
 * `kept`: for the app, until it is back. `refused`: not kept, and the sender knows. `delivered`; `failed`: a try that came to nothing;
 * `dead`: given up, for an operator to decide; `dropped`: nobody will deliver it.
 */
export type WebhookPhase = 'kept' | 'refused' | 'delivered' | 'failed' | 'dead' | 'dropped'

export type WebhookEvent = {
  phase: WebhookPhase
  id: string
  path: string
  /** Tries so far. */
  attempts: number
  reason: string | undefined
}

export type EdgeEventName = keyof EdgeEvents

/** A typed diagnostics channel `blot-edge:<name>`. Publishing costs one comparison while nobody listens. */
export type EdgeChannel<Name extends EdgeEventName> = {
  publish(event: EdgeEvents[Name]): void
  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: EdgeEvents[Name]) => void): () => void
}

export function edgeChannel<Name extends EdgeEventName>(name: Name): EdgeChannel<Name> {
  const inner = channel(`blot-edge:${name}`)
  return {
    publish(event) {
      if (inner.hasSubscribers) inner.publish(event)
    },
    subscribe(listener) {
      const receive = (message: unknown): void => listener(message as EdgeEvents[Name])
      inner.subscribe(receive)
      return () => {
        inner.unsubscribe(receive)
      }
    },
  }
}
