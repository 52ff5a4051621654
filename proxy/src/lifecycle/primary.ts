import { createEndedTotals } from '../admin/metrics-totals.ts'
import { relayEvents } from '../admin/relay.ts'
import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import type { CallHandlers } from './channel.ts'
import type { Surroundings } from './generation.ts'
import { createGenerations, type Generations } from './generations.ts'
import type { ReloadOutcome } from '../admin/contracts.ts'
import type { DrainLimits, EdgeProcesses, ListenerInfo, ProcessState } from './messages.ts'
import { createReloads, type ReloadOptions, type Reloads } from './reload.ts'
import type { Release } from './release.ts'
import { createSockets, describeSockets, withPorts, type HeldSocket } from './sockets.ts'
import { createSwitchboard } from './switchboard.ts'

export type PrimaryOptions = Pick<Surroundings, 'environment' | 'directory' | 'user' | 'probe'> &
  Pick<ReloadOptions, 'findRelease' | 'configure' | 'prepare'> & {
    config: Config
    release: Release
    /** Ends the start: what has been opened by then is closed. */
    signal: AbortSignal
    /** Listening sockets that were handed over by whoever started this process. */
    inherited?: readonly HeldSocket[]
    /** Called once the sockets are bound and before anybody serves; its configuration is what the children get. */
    beforeChildren?(listeners: readonly ListenerInfo[]): Promise<Config>
    /** Called when a reload has brought another configuration. */
    onReloaded?(config: Config): void
  }

export type Primary = {
  readonly listeners: readonly ListenerInfo[]
  /**
   * Has a new generation serve, and the old one drain. Whoever asks during a reload gets the next one. Rejects, with the old
   * generation serving on, when the new one cannot.
   */
  reload(): Promise<ReloadOutcome>
  /** Does at least one worker serve, or is this the end? */
  isWell(): boolean
  /** Drains every process and resolves when all have ended. */
  stop(limitMs: number): Promise<void>
  /** Ends every process at once: what `stop` waits for is over then. */
  kill(): void
}

/** The manager has no visitor to wait for: a few answers of the admin API, and the order under way is given up. */
const MANAGER_DRAIN_MS = 5000
/** Nobody listens until the next edge does: no visitor is better off for an idle connection that is kept for longer. */
const STOP_IDLE_MS = 500

/**
 * Binds, starts the manager and the workers, and keeps them alive. Serves nothing itself.
 * Resolves when the manager and each worker serve; rejects, with nothing left open, when one cannot start or `signal` aborts.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { environment, directory, user, probe, signal } = options
  const startedAt = new Date().toISOString()
  const switchboard = createSwitchboard()
  const sockets = createSockets(user, options.inherited)
  const stopping = new AbortController()
  let state: ProcessState = 'starting'

  const handlers = createHandlers({
    reload: () => reloads.reload(),
    processes: () => describe({ state, startedAt, generations, reloads, listeners }),
  })
  const generations = createGenerations({ startedAt, environment, directory, user, probe, switchboard, handlers })
  const reloads = createReloads({
    ...options,
    generations,
    sockets,
    switchboard,
    onServing(config, held) {
      listeners = describeSockets(held)
      options.onReloaded?.(config)
    },
    signal: stopping.signal,
  })
  const endRelay = relayEvents('primary', (event) => switchboard.tell({ v: 1, type: 'event', event }))
  let listeners: readonly ListenerInfo[] = []

  async function start(): Promise<void> {
    const held = await sockets.open(options.config)
    listeners = describeSockets(held)
    const prepared = options.beforeChildren && untilAborted(options.beforeChildren(listeners), signal)
    const config = (await prepared) ?? withPorts(options.config, held)
    const generation = generations.open(options.release, config, held)
    await untilAborted(generation.start(), signal)
    await untilAborted(generation.lead(), signal)
    await untilAborted(generation.accept(), signal)
    generations.promote(generation)
    state = 'running'
  }

  async function stop(limitMs: number): Promise<void> {
    if (state === 'stopped') return
    state = 'draining'
    stopping.abort(new DOMException('the edge stops', 'AbortError'))
    await reloads.settled()
    // Ours first: a connection that comes once the workers have closed theirs is refused, and not left in a queue.
    sockets.close(['http', 'https'])
    await generations.stop(both(limitMs), both(Math.min(limitMs, MANAGER_DRAIN_MS)))
    sockets.close(['admin'])
    endRelay()
    state = 'stopped'
  }

  try {
    await start()
  } catch (error) {
    generations.kill()
    await stop(0)
    throw error
  }
  return {
    get listeners() {
      return listeners
    },
    reload: () => reloads.reload(),
    isWell() {
      const workers = generations.processes().filter(({ role }) => role === 'worker')
      return state === 'draining' || workers.some((worker) => worker.state === 'running')
    },
    stop,
    kill: () => generations.kill(),
  }
}

function both(ms: number): DrainLimits {
  return { limitMs: ms, tunnelsMs: ms, idleMs: STOP_IDLE_MS }
}

/** What the primary answers to a manager, and to those who leave. */
function createHandlers({
  reload,
  processes,
}: {
  reload: Reloads['reload']
  processes(): EdgeProcesses
}): CallHandlers {
  const totals = createEndedTotals()
  return {
    reload,
    processes: () => Promise.resolve(processes()),
    ended({ snapshots }) {
      totals.saw(snapshots)
      return Promise.resolve(totals.sumWithout(snapshots))
    },
    farewell(snapshot) {
      totals.saw([snapshot])
      return Promise.resolve(null)
    },
  }
}

type Described = {
  state: ProcessState
  startedAt: string
  generations: Generations
  reloads: Reloads
  listeners: readonly ListenerInfo[]
}

function describe({ state, startedAt, generations, reloads, listeners }: Described): EdgeProcesses {
  const infos = generations.infos()
  const reload = reloads.report()
  const now = state === 'running' && reloads.isUnderWay() ? 'reloading' : state
  const generation = generations.serving()?.number ?? infos.at(-1)?.number ?? 0
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
    processes: [self, ...generations.processes()],
    generations: infos,
    listeners: [...listeners],
    ...(reload === undefined ? {} : { reload }),
  }
}
