import type { AdminEvent } from '../admin/contracts.ts'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import type { Change, TicketKey } from '../certificates/contracts.ts'
import type { Lane } from '../certificates/queue.ts'
import type { MaintenanceSwitch } from '../maintenance.ts'
import type { Purge, PurgeOutcome } from '../purge.ts'
import type { Health } from '../upstream/health/health.ts'

/**
 * The calls between the processes of one machine. Whoever calls names a role, or one worker: the primary passes the call
 * on, to the manager, or to every worker, and brings the answers back.
 */
export type Calls = {
  /** worker -> manager: the certificate of this name shall be in the vault. Answers when it is. */
  obtain: { ask: { name: string; lane: Lane }; answer: null }
  /** manager -> workers: this changed in the store. */
  changed: { ask: Change | { readonly kind: 'all' }; answer: null }
  /** worker -> manager: the fallback certificate shall be in the data directory. Answers with the id of the issuer. */
  prepare: { ask: null; answer: { issuerId: string | null } }
  /** worker -> manager: which keys do session tickets have? */
  tickets: { ask: null; answer: readonly TicketKey[] }
  /** manager -> workers: these are the keys of session tickets now. */
  useTickets: { ask: { keys: readonly TicketKey[] }; answer: null }
  /** worker -> manager: a purge came over the plain listener. Answers when every worker has applied it. */
  purge: { ask: { purge: Purge }; answer: PurgeOutcome }
  /** manager -> workers: the purges that follow number `after`. Answers with entries dropped, by purge and name. */
  applyPurges: { ask: { after: number; purges: readonly Purge[] }; answer: readonly (readonly number[])[] }
  /** worker -> workers: what is stored under these keys may not be used any more. */
  invalidate: { ask: { keys: readonly string[] }; answer: null }
  /** worker -> manager: the disk tier of the cache shall be below its bound. Answers when it is. */
  reclaim: { ask: null; answer: null }
  /** worker -> manager: how are the upstreams? Those that the worker suspects are checked first. */
  upstreams: { ask: { suspects: readonly string[] }; answer: readonly Health[] }
  /** manager -> workers: an upstream is not as it was; this is how all are now. */
  useUpstreams: { ask: { health: readonly Health[] }; answer: null }
  /** manager -> workers: this is what the maintenance switch says now; null: it is off. */
  useMaintenance: { ask: { switched: MaintenanceSwitch | null }; answer: null }
  /** manager -> workers: what have you counted? */
  report: { ask: null; answer: ProcessReport }
  /** manager -> primary: which processes are there? */
  processes: { ask: null; answer: { state: ProcessState; processes: ProcessInfo[]; listeners: ListenerInfo[] } }
}

export type CallKind = keyof Calls
export type Role = 'primary' | 'manager' | 'worker'
export type WorkerId = `worker-${number}`
/** Kept by the process that replaces it. */
export type ProcessId = 'primary' | 'manager' | WorkerId
export type ProcessState = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped'

export type ProcessInfo = {
  role: Role
  id: ProcessId
  pid: number
  state: ProcessState
  startedAt: string
  rssBytes: number
}
export type ListenerInfo = { name: 'http' | 'https' | 'admin'; address: string; port: number }

/** How long a process that drains may take. */
export type DrainLimits = {
  /** For requests under way and their bodies, ms. */
  limitMs: number
  /** For streams without an end and tunnels, ms. */
  tunnelsMs: number
}

/** What a process says of itself. */
export type ProcessReport = { id: ProcessId; metrics: MetricsSnapshot }

/** What goes over an IPC channel. `v` lets a new generation refuse to guess what an older one means. */
export type Message =
  | { v: 1; type: 'call'; id: number; to: Role | WorkerId; kind: CallKind; ask: unknown }
  | { v: 1; type: 'answer'; id: number; answers: unknown[] }
  | { v: 1; type: 'failure'; id: number; code: string; message: string }
  | { v: 1; type: 'start'; settings: unknown }
  /** `listeners`: those that the child opened itself. */
  | { v: 1; type: 'ready'; listeners: ListenerInfo[] }
  | { v: 1; type: 'failed'; code: string; message: string }
  /** May come again with shorter limits. */
  | { v: 1; type: 'drain'; limits: DrainLimits }
  /** worker -> manager: for the dashboard. */
  | { v: 1; type: 'event'; event: AdminEvent }

/** @returns undefined for anything that is no message of this version. */
export function parseMessage(raw: unknown): Message | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const message = raw as Message
  return message.v === 1 && typeof message.type === 'string' ? message : undefined
}
