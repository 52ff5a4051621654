import type { Purge, PurgeOutcome } from '../purge.ts'
import type { MetricsSnapshot } from './metrics.ts'

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
  readonly upstreams: readonly { url: string; backup: boolean }[]
  /** What is away that the edge can do without for a while (store, app): a sentence each. */
  readonly degraded?: readonly string[]
}

export type ProcessStatus = {
  readonly role: 'primary' | 'manager' | 'worker'
  readonly id: string
  readonly pid: number
  readonly state: ProcessState
  readonly startedAt: string
  readonly connections: number
  readonly requests: number
  readonly rssBytes: number
}

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
  | { type: 'fault'; area: string; message: string; code: string; detail: string; name?: string }
)

export type AdminOptions = {
  readonly version: string
  /** Demanded as `Authorization: Bearer` by everything but the dashboard's files. */
  readonly token?: string | undefined
  /** In `X-Blot-Purge-Token` it opens `/purge`, and nothing else. */
  readonly purgeToken?: string | undefined
  status(): Promise<StatusReport>
  /** One snapshot of each process. */
  metrics(): Promise<readonly MetricsSnapshot[]>
  /** Resolves once every worker has applied it. */
  purge(purge: Purge): Promise<PurgeOutcome>
  /** @returns a function that ends the subscription. */
  onEvent(listener: (event: AdminEvent) => void): () => void
}
