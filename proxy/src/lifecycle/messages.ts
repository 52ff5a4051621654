import type {
  AdminEvent,
  GenerationStatus,
  ReloadOutcome,
  ReloadStatus,
  UnderWayCounts,
  UpgradeOutcome,
} from '../admin/contracts.ts'
import type { Counters, MetricsSnapshot } from '../admin/metrics.ts'
import type { EndedState } from '../admin/metrics-totals.ts'
import type { Asked } from '../cache/explain/asked.ts'
import type { MemoryView } from '../cache/explain/view.ts'
import type { Change, TicketKey } from '../certificates/contracts.ts'
import { ConfigInvalid, type ConfigFault } from '../errors.ts'
import type { Lane } from '../certificates/queue.ts'
import type { MaintenanceSwitch } from '../maintenance.ts'
import type { Purge, PurgeOutcome } from '../purge.ts'
import type { DrainLimits } from '../server/drain.ts'
import type { Health } from '../upstream/health/health.ts'
import type { UpstreamStats } from '../upstream/pool.ts'

/**
 * The calls between the processes of one machine. Whoever calls names a role, or one worker: the primary passes the call
 * on, to the manager, or to every worker of every generation, and brings the answers back. A process of another release
 * that does not know a call is as one that has nothing to say, so kinds may be added, and none may change its meaning:
 * what has to is another version of all messages.
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
  /** worker -> workers: what is stored under these keys may not be used any more. `by` is who says so, and knows. */
  invalidate: { ask: { keys: readonly string[]; by: string }; answer: null }
  /** worker -> manager: the disk tier of the cache shall be below its bound. Answers when it is. */
  reclaim: { ask: null; answer: null }
  /** worker -> manager: how are the upstreams? Those that the worker suspects are checked first. */
  upstreams: { ask: { suspects: readonly string[] }; answer: readonly Health[] }
  /** manager -> workers: an upstream is not as it was; this is how all are now. */
  useUpstreams: { ask: { health: readonly Health[] }; answer: null }
  /** manager -> workers: this is what the maintenance switch says now; null: it is off. */
  useMaintenance: { ask: { switched: MaintenanceSwitch | null }; answer: null }
  /** manager -> workers: what do you know of this URL? `tags`: of what lies on the disk. */
  explain: { ask: { asked: Asked; tags: readonly string[] }; answer: MemoryView }
  /** manager -> any child: what have you counted? */
  report: { ask: null; answer: ProcessReport }
  /** manager -> primary: which processes are there? */
  processes: { ask: null; answer: EdgeProcesses }
  /** manager -> primary: these were counted by who lives. Answers with what all that have ended had counted. */
  ended: { ask: { snapshots: readonly MetricsSnapshot[] }; answer: Counters }
  /** manager -> primary: a new generation shall serve. Answers when it does; steps come as events. */
  reload: { ask: null; answer: ReloadOutcome }
  /** manager -> primary: another primary shall take over. Answers when it has. */
  upgrade: { ask: null; answer: UpgradeOutcome }
  /** successor -> primary: it is there, and its processes may be called. Answers with what it has to go on with. */
  hello: { ask: null; answer: Handover }
  /** successor -> primary: it serves. Answers with what processes have counted that ended before. */
  tookOver: { ask: UpgradeOutcome; answer: EndedState }
  /** primary -> worker: accept. primary -> manager: lead. Answers when it does. */
  serve: { ask: null; answer: null }
  /** primary -> manager, successor -> primary: let go of all that only one may have. Answers when another one can take it. */
  letGo: { ask: null; answer: null }
  /** primary -> child: is your event loop turning? */
  ping: { ask: null; answer: null }
  /** child -> primary: this is what I have counted in all my life. */
  farewell: { ask: MetricsSnapshot; answer: null }
}

export type CallKind = keyof Calls
export type Role = 'primary' | 'manager' | 'worker'
export type WorkerId = `worker-${number}`
/** Kept by the process that replaces it; there may be one in each generation. */
export type ChildId = 'manager' | WorkerId
export type ProcessId = 'primary' | ChildId
/** One process: `worker-1` of generation 2. Log lines and events name it so, too. */
export type ProcessName = `${ChildId}@${number}`
export type ProcessState = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped'

export type ProcessInfo = {
  role: Role
  id: ProcessId
  /** Counts reloads; the primary has that of the processes that serve. */
  generation: number
  pid: number
  state: ProcessState
  startedAt: string
  rssBytes: number
  /** Of a process that drains: when it is ended at the latest, ISO 8601. */
  drainsUntil?: string
}
export type EdgeProcesses = {
  state: ProcessState
  processes: ProcessInfo[]
  generations: GenerationStatus[]
  listeners: ListenerInfo[]
  /** The last reload; absent before the first. */
  reload?: ReloadStatus
}
export type ListenerInfo = { name: 'http' | 'https' | 'admin'; address: string; port: number }

/** What a primary has to know of the one before it. */
export type Handover = {
  /** The last one that there was. */
  generation: number
  /** Of the edge, ISO 8601. */
  startedAt: string
  /** In the order of their descriptors. */
  sockets: HandedSocket[]
}
export type HandedSocket = ListenerInfo & {
  isUnix: boolean
  /** The address that was asked for; absent: it came from outside. */
  asked?: string | undefined
}

/** What a process says of itself. */
export type ProcessReport = {
  name: ProcessName
  metrics: MetricsSnapshot
  /** Of a worker. */
  underWay?: UnderWayCounts
  upstreams?: readonly UpstreamStats[]
}

/** Of a configuration: all that is wrong with it. */
type WithFaults = { faults?: readonly ConfigFault[] }

/** What goes over an IPC channel. `v` lets a new generation refuse to guess what an older one means. */
export type Message =
  | { v: 1; type: 'call'; id: number; to: Role | ProcessName; kind: CallKind; ask: unknown }
  | { v: 1; type: 'answer'; id: number; answers: unknown[] }
  | ({ v: 1; type: 'failure'; id: number; code: string; message: string } & WithFaults)
  | { v: 1; type: 'start'; settings: unknown }
  /** It answers calls, and can serve. */
  | { v: 1; type: 'ready' }
  /** It cannot start. Understood whatever its version: a release of another one says so by this. */
  | ({ v: 1; type: 'failed'; code: string; message: string } & WithFaults)
  /** A process that was only asked for the configuration tells it. */
  | { v: 1; type: 'configured'; config: unknown }
  /** May come again with shorter limits. */
  | { v: 1; type: 'drain'; limits: DrainLimits }
  /** worker -> manager: for the dashboard. */
  | { v: 1; type: 'event'; event: AdminEvent }

/** @returns undefined for anything that is no message of this version. */
export function parseMessage(raw: unknown): Message | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const message = raw as Message
  const isUnderstood = message.v === 1 || message.type === 'failed'
  return isUnderstood && typeof message.type === 'string' ? message : undefined
}

/** What went wrong at the other end. */
export function failureOf({ code, message, faults }: { code: string; message: string } & WithFaults): Error {
  return faults === undefined ? Object.assign(new Error(message), { code }) : new ConfigInvalid(faults)
}

/** @returns the version of a message that is not of this one. */
export function foreignVersion(raw: unknown): number | undefined {
  if (typeof raw !== 'object' || raw === null || parseMessage(raw) !== undefined) return undefined
  return 'v' in raw && typeof raw.v === 'number' ? raw.v : undefined
}
