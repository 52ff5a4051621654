import type { ReloadOutcome, UpgradeOutcome } from '../admin/contracts.ts'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import { createEndedTotals, type EndedTotals } from '../admin/metrics-totals.ts'
import { relayEvents } from '../admin/relay.ts'
import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { ReloadRefused } from '../errors.ts'
import type { DrainLimits } from '../server/drain.ts'
import type { CallHandlers } from './channel.ts'
import type { Generation, Surroundings } from './generation.ts'
import { createGenerations, SHORT, type Generations } from './generations.ts'
import { BEAT_MS, createHeartbeat } from './heartbeat.ts'
import { takeOverSockets } from './inherited.ts'
import type { EdgeProcesses, ListenerInfo, ProcessState } from './messages.ts'
import type { Predecessor } from './predecessor.ts'
import type { Release } from './release.ts'
import { reload, type ReloadOptions } from './reload.ts'
import { createSockets, describeSockets, withPorts, type HeldSocket, type Sockets } from './sockets.ts'
import { createSwitchboard, type Switchboard } from './switchboard.ts'
import { createTurns, type Turns } from './turns.ts'
import { upgrade, type Heir, type UpgradeOptions } from './upgrade.ts'

export type PrimaryOptions = Pick<Surroundings, 'environment' | 'directory' | 'user' | 'probe'> &
  Pick<ReloadOptions, 'findRelease' | 'configure' | 'prepare'> &
  Pick<UpgradeOptions, 'succeedBy'> & {
    config: Config
    release: Release
    /** Sockets that were open before this process began. */
    inherited: readonly HeldSocket[]
    /** The primary that this one takes over from. */
    predecessor: Predecessor | undefined
    /** Ends the start: what has been opened by then is closed. */
    signal: AbortSignal
    /** Called once the sockets are bound and before anybody serves; its configuration is what the children get. */
    beforeChildren?(listeners: readonly ListenerInfo[]): Promise<Config>
    /** Called when a reload has brought another configuration. */
    onReloaded?(config: Config): void
    /** Called when another primary serves: `leave` is what is left to do. */
    onReplaced(pid: number): void
  }

export type Primary = {
  readonly listeners: readonly ListenerInfo[]
  /** Rejects, with the processes of before serving on, when new ones cannot. */
  reload(): Promise<unknown>
  /** How many workers have answered since this was asked last: none is a reason to have the edge restarted. */
  answered(): number
  /** Once another primary has taken over: lets go of the sockets, and resolves when every process here has drained. */
  leave(): Promise<void>
  /** Drains every process and resolves when all have ended. */
  stop(limitMs: number): Promise<void>
  /** Ends every process at once: what `stop` waits for is over then. */
  kill(): void
}

/** The manager has no visitor to wait for: a few answers of the admin API, and the order under way is given up. */
const MANAGER_DRAIN_MS = 5000
/** Nobody listens until the next edge does: no visitor is better off for an idle connection that is kept for longer. */
const STOP_IDLE_MS = 500
/** One that could not take over finishes what it had accepted by then. */
const FAILED_MS = 10_000

/**
 * Binds, starts the manager and the workers, and keeps them alive. Serves nothing itself.
 * Resolves when the manager and each worker serve; rejects, with nothing left open, when one cannot start or `signal` aborts.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { environment, directory, user, probe, predecessor, signal } = options
  const switchboard = createSwitchboard()
  const stopping = new AbortController()
  const totals = createEndedTotals()
  const turns = createTurns()
  let heir: Heir | undefined
  let state: ProcessState = 'starting'
  let listeners: readonly ListenerInfo[] = []
  let hasAccepted = false

  const processes = (): Promise<EdgeProcesses> => describe({ state, generations, turns, listeners, predecessor })
  const handlers = createHandlers(totals, {
    farewell: async (snapshot) => void (await (heir?.farewell(snapshot) ?? totals.saw([snapshot]))),
    processes,
    // Whoever asked too late for this one means the edge.
    reload: () => turns.take('reload', () => heir?.reload() ?? reload(changing)),
    upgrade: () =>
      turns.take('upgrade', () => heir?.upgrade() ?? upgrade({ ...changing, totals, startedAt, processes })),
  })
  const handed = await predecessor?.hello(switchboard, handlers)
  const startedAt = handed?.startedAt ?? new Date().toISOString()
  const sockets = createSockets(user, handed === undefined ? options.inherited : takeOverSockets(handed.sockets))
  const generations = createGenerations(
    { startedAt, environment, directory, user, probe, switchboard, handlers },
    handed?.generation,
  )
  const changing = {
    ...options,
    generations,
    sockets,
    switchboard,
    signal: stopping.signal,
    onServing(config: Config, held: readonly HeldSocket[]): void {
      listeners = describeSockets(held)
      options.onReloaded?.(config)
    },
    onReplaced(pid: number, to: Heir): void {
      heir = to
      options.onReplaced(pid)
    },
    onHurried: hurry,
  }
  const heartbeat = startHeartbeat(switchboard, generations)
  const endRelay = relayEvents('primary', (event) => switchboard.tell({ v: 1, type: 'event', event }))

  async function start(): Promise<void> {
    const { held, generation } = await openGeneration(options, sockets, generations)
    listeners = describeSockets(held)
    await untilAborted(generation.start(), signal)
    hasAccepted = predecessor !== undefined
    if (predecessor === undefined) {
      await untilAborted(generation.lead(), signal)
      await untilAborted(generation.accept(), signal)
    } else await untilAborted(takeOver(generation, predecessor, switchboard, totals), signal)
    generations.promote(generation)
    sockets.keep(held)
    state = 'running'
  }

  function hurry(limits: DrainLimits = SHORT): void {
    void Promise.all([generations.stop(limits, limits), predecessor?.drain(limits)])
  }

  async function stop(limitMs: number): Promise<void> {
    if (state === 'stopped') return
    state = 'draining'
    stopping.abort(new ReloadRefused('the edge stops'))
    await turns.settled()
    // Ours first: a connection that comes once the workers have closed theirs is refused, and not left in a queue.
    sockets.close(['http', 'https'])
    const drained = generations.stop(both(limitMs), both(Math.min(limitMs, MANAGER_DRAIN_MS)))
    await Promise.all([drained, predecessor?.drain(both(limitMs))])
    sockets.close(['admin'])
    heartbeat.end()
    endRelay()
    state = 'stopped'
  }

  try {
    await start()
  } catch (error) {
    // What was accepted while another primary serves is finished.
    if (!hasAccepted) generations.kill()
    if (predecessor !== undefined) sockets.release()
    await predecessor?.fail(error)
    await stop(hasAccepted ? FAILED_MS : 0)
    throw error
  }
  return {
    get listeners() {
      return listeners
    },
    reload: handlers.reload,
    answered: heartbeat.answered,
    async leave() {
      state = 'draining'
      sockets.release()
      // The one before this one has limits of its own.
      await Promise.all([generations.leave(), predecessor?.ended])
    },
    stop,
    kill() {
      generations.kill()
      void predecessor?.drain(both(0))
    },
  }
}

/** @returns the first generation here, of which nothing is started yet, and its sockets. */
async function openGeneration(
  { config, release, signal, beforeChildren }: PrimaryOptions,
  sockets: Sockets,
  generations: Generations,
): Promise<{ held: readonly HeldSocket[]; generation: Generation }> {
  const held = await sockets.open(config)
  const prepared = beforeChildren && (await untilAborted(beforeChildren(describeSockets(held)), signal))
  return { held, generation: generations.open(release, prepared ?? withPorts(config, held), held) }
}

function startHeartbeat({ children }: Switchboard, generations: Generations): { answered(): number; end(): void } {
  const { beat, answered } = createHeartbeat({ children, stallMs: () => generations.serving()?.config.stallMs ?? 0 })
  const beating = setInterval(beat, BEAT_MS)
  return { answered, end: () => clearInterval(beating) }
}

/** There is always one manager at most that leads; calls for it wait meanwhile, here and there. */
async function takeOver(
  generation: Generation,
  before: Predecessor,
  switchboard: Switchboard,
  totals: EndedTotals,
): Promise<void> {
  await generation.accept()
  switchboard.hold()
  await before.letGo()
  await generation.lead()
  const { number, release } = generation
  const outcome = { generation: number, version: release.version, release: release.root, pid: process.pid }
  const counted = await before.takeOver(outcome)
  if (counted !== undefined) totals.take(counted)
}

function both(ms: number): DrainLimits {
  return { limitMs: ms, tunnelsMs: ms, idleMs: STOP_IDLE_MS }
}

type Own = {
  farewell(snapshot: MetricsSnapshot): Promise<void>
  processes(): Promise<EdgeProcesses>
  reload(): Promise<ReloadOutcome>
  upgrade(): Promise<UpgradeOutcome>
}

/** What the primary answers to a manager, and to those who leave. */
function createHandlers(totals: EndedTotals, own: Own): CallHandlers & Pick<Own, 'reload'> {
  const { farewell, ...others } = own
  return {
    ...others,
    ended({ snapshots }) {
      totals.saw(snapshots)
      return Promise.resolve(totals.sumWithout(snapshots))
    },
    async farewell(snapshot) {
      await farewell(snapshot)
      return null
    },
  }
}

type Described = {
  state: ProcessState
  generations: Generations
  turns: Turns
  listeners: readonly ListenerInfo[]
  predecessor: Predecessor | undefined
}

/** With what the primary before this one has left, until it has drained. */
async function describe(described: Described): Promise<EdgeProcesses> {
  const { state, generations, turns, listeners, predecessor } = described
  const before = await predecessor?.processes()
  const infos = generations.infos()
  const reloaded = turns.report()
  const now = state === 'running' && turns.isUnderWay() ? 'reloading' : state
  const generation = generations.serving()?.number ?? generations.lastNumber()
  const startedAt = new Date(performance.timeOrigin).toISOString()
  const rssBytes = process.memoryUsage.rss()
  const self = {
    role: 'primary',
    id: 'primary',
    generation,
    pid: process.pid,
    state: now,
    startedAt,
    rssBytes,
  } as const
  return {
    state: now,
    processes: [self, ...generations.processes(), ...(before?.processes ?? [])],
    generations: [...(before?.generations ?? []), ...infos],
    listeners: [...listeners],
    ...(reloaded === undefined ? {} : { reload: reloaded }),
  }
}
