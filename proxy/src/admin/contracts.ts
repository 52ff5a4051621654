import type { Purge, PurgeOutcome } from '../purge.ts'
import type { MaintenanceOrder, MaintenanceView } from '../maintenance.ts'
import type { MergedMetrics } from './metrics-totals.ts'

export type ProcessState = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped'

/** What `GET /status` answers. */
export type StatusReport = {
  readonly version: string
  readonly state: ProcessState
  /** ISO 8601. */
  readonly startedAt: string
  readonly uptimeMs: number
  readonly host: string
  readonly listeners: readonly { name: 'http' | 'https' | 'admin'; address: string; port: number }[]
  readonly processes: readonly ProcessStatus[]
  /** Those that have processes: the one that serves, and others that drain or start. */
  readonly generations?: readonly GenerationStatus[]
  /** The last reload since the edge started. */
  readonly reload?: ReloadStatus
  readonly upstreams: readonly UpstreamStatus[]
  /** What is away that the edge can do without for a while (store, app): a sentence each. */
  readonly degraded?: readonly string[]
  readonly maintenance?: MaintenanceView
  /** Undefined while the store does not answer. */
  readonly webhooks?: WebhookCounts
}

export type UpstreamStatus = {
  readonly url: string
  readonly backup: boolean
  /** `starting`: it is back, and gets more by and by. `draining`: it wants no new requests. `failing`: its health check fails. */
  readonly state: 'up' | 'starting' | 'draining' | 'failing' | 'away'
  /** Requests and tunnels under way, from all workers. */
  readonly active: number
  /** What is wrong with it. */
  readonly error?: string
}

export type ProcessStatus = {
  readonly role: 'primary' | 'manager' | 'worker'
  readonly id: string
  /** Which reload it belongs to; 1 is the start. */
  readonly generation: number
  readonly pid: number
  readonly state: ProcessState
  readonly startedAt: string
  readonly connections: number
  readonly requests: number
  readonly rssBytes: number
  /** Of a worker: what is open, and so what its drain waits for besides idle connections. */
  readonly underWay?: UnderWayCounts
  /** Of one that drains: when its connections are ended at the latest, ISO 8601. */
  readonly drainsUntil?: string
}

export type UnderWayCounts = {
  readonly requests: number
  readonly uploads: number
  readonly streams: number
  readonly tunnels: number
}

export type GenerationStatus = {
  readonly number: number
  readonly state: ProcessState
  readonly version: string
  /** The folder of its release. */
  readonly release: string
  readonly startedAt: string
}

export type ReloadStatus = { readonly at: string } & (
  | ({ readonly state: 'succeeded' } & ReloadOutcome)
  | { readonly state: 'failed'; readonly code: string; readonly error: string }
)
/** `pid`: of the primary that has taken over. */
export type UpgradeOutcome = ReloadOutcome & { readonly pid: number }
export type ReloadOutcome = { readonly generation: number; readonly version: string; readonly release: string }

/** What the dashboard shows as it happens: plain JSON, for the way from a worker to the manager. */
export type AdminEvent = {
  /** ms since the epoch. */
  readonly timeMs: number
  /** `worker-1`, `manager`. */
  readonly process: string
} & (
  | { type: 'certificate'; phase: 'obtaining' | 'obtained' | 'failed'; name: string; issuer: string; reason?: string }
  | { type: 'handshake'; outcome: 'refused'; name?: string; reason?: string }
  | { type: 'purge'; names: readonly string[]; nameCount: number; entries: number }
  | { type: 'upstream'; upstream: string; verdict: 'up' | 'draining' | 'failing' | 'away'; reason?: string }
  | { type: 'reload'; phase: 'reloading' | 'succeeded' | 'failed'; step: string }
  | { type: 'webhook'; phase: string; id: string; path: string; reason?: string }
  | { type: 'fault'; area: string; message: string; code: string; detail: string; name?: string }
)

/** A certificate as the API tells of it: what it reads itself; the rest passes through. */
export type CertificateView = {
  readonly name: string
  readonly state: string
  readonly words: string
  readonly notAfterMs: number | undefined
  readonly failure: { readonly kind: string | undefined } | undefined
}

export type CertificateImport = {
  readonly chainPem: string
  readonly privateKeyPem: string
  readonly names?: readonly string[] | undefined
  readonly issuer?: string | undefined
}

/** What the API asks of the room `certificates`, whose contracts say more. */
export type AdminCertificates = {
  list(): AsyncIterable<CertificateView>
  show(name: string): Promise<CertificateView>
  issue(name: string, options: { readonly renew: boolean }): Promise<CertificateView>
  renewAll(options: { readonly issuer?: string; readonly perMinute: number }): AsyncIterable<unknown>
  revoke(name: string, reason: number): Promise<void>
  remove(name: string): Promise<void>
  /** @returns an outcome for each name. */
  import(offered: CertificateImport, isTrial: boolean): Promise<unknown>
}

/** What the API asks of maintenance. */
export type AdminMaintenance = {
  view(): Promise<MaintenanceView>
  /** Resolves once every worker knows. */
  set(order: MaintenanceOrder): Promise<MaintenanceView>
}

/** A GET that nobody has made: what would the edge do with it? */
export type ExplainQuestion = {
  readonly scheme: 'http' | 'https'
  readonly host: string
  /** With the port, if it has one. */
  readonly authority: string
  readonly target: string
  /** Name, value, name, value… */
  readonly headers: readonly string[]
}

export type WebhookState = 'waiting' | 'dead'

/** A webhook as the API tells of it: what it reads itself; the rest passes through. */
export type WebhookView = { readonly id: string; readonly path: string; readonly state: WebhookState }

export type WebhookCounts = {
  readonly waiting: number
  readonly dead: number
  /** Since when the first in order waits, ms since the epoch. */
  readonly oldestSinceMs: number | undefined
}

/** What the API asks of the room `webhooks`, whose contracts say more. */
export type AdminWebhooks = {
  list(state?: WebhookState): AsyncIterable<WebhookView>
  counts(): Promise<WebhookCounts>
  retry(id: string): Promise<WebhookView>
  retryAll(): Promise<number>
  drop(id: string): Promise<void>
  dropAll(state: WebhookState): Promise<number>
}

export type AdminOptions = {
  readonly version: string
  /** Demanded as `Authorization: Bearer` by everything but the dashboard's files. */
  readonly token?: string | undefined
  /** In `X-Blot-Purge-Token` it opens `/purge`, and nothing else. */
  readonly purgeToken?: string | undefined
  status(): Promise<StatusReport>
  /** Of all processes, with what those counted that have ended. */
  metrics(): Promise<MergedMetrics>
  /** Resolves once every worker has applied it. */
  purge(purge: Purge): Promise<PurgeOutcome>
  /** Plain data; `cache/explain/view.ts` says which. */
  explain(question: ExplainQuestion): Promise<unknown>
  readonly certificates: AdminCertificates
  readonly maintenance: AdminMaintenance
  /** Resolves when a new generation serves; its steps are events. */
  reload(): Promise<ReloadOutcome>
  readonly webhooks: AdminWebhooks
  /** The same when another primary does. */
  upgrade(): Promise<UpgradeOutcome>
  /** @returns a function that ends the subscription. */
  onEvent(listener: (event: AdminEvent) => void): () => void
}
