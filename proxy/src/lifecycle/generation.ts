import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import type { CallHandlers } from './channel.ts'
import { startChild, type Child, type ChildRole } from './child.ts'
import type { GenerationStatus } from '../admin/contracts.ts'
import type { DrainLimits } from '../server/drain.ts'
import type { ChildId, ListenerInfo, ProcessInfo, ProcessState } from './messages.ts'
import type { probe } from './probe.ts'
import type { Release } from './release.ts'
import { FIRST_LISTENER_FD, PROBE_FD, type ChildSettings } from './settings.ts'
import { createSlot, type Slot } from './slot.ts'
import type { Switchboard } from './switchboard.ts'
import type { UserIds } from './user.ts'

/** What is the same for the processes of all generations. */
export type Surroundings = {
  /** When the edge started, ISO 8601. */
  startedAt: string
  /** The environment of children: no secret is in it. */
  environment: Readonly<Record<string, string | undefined>>
  /** Where the edge was started, which may have been removed since. */
  directory: string
  user: UserIds | undefined
  switchboard: Switchboard
  /** Asks a new process for something. */
  probe: typeof probe
  /** The calls that the primary answers itself. */
  handlers: CallHandlers
}

export type GenerationOptions = Surroundings & {
  number: number
  release: Release
  config: Config
  listeners: readonly (ListenerInfo & { fd: number })[]
}

/** A manager and the workers of one release and one configuration. Both stay what they are until the last process has ended. */
export type Generation = {
  readonly number: number
  readonly release: Release
  readonly config: Config
  state: ProcessState
  /** Resolves when every process has proved that it answers; rejects with the reason of the first that does not. */
  start(): Promise<void>
  /** The workers accept. From now on whoever ends is replaced. */
  accept(): Promise<void>
  /** The manager leads. */
  lead(): Promise<void>
  /** The manager has let go of what only one may have, or has ended. */
  letGo(): Promise<void>
  /** Another manager takes the place of the one that let go, and leads. */
  leadAgain(): void
  /** Nobody is replaced any more. */
  retire(): void
  /** Resolves when every process of the role has ended, by force where it takes longer. May be called again, with shorter limits. */
  drain(role: ChildRole, limits: DrainLimits): Promise<void>
  /** Ends all at once. */
  kill(): Promise<void>
  info(): GenerationStatus
  processes(): ProcessInfo[]
}

/** What a child may take beyond the drain that it was told. */
const GRACE_MS = 2000
/** What a manager that has let go may still do for those who asked it before: an order takes 90 s. */
export const MANAGER_LIMITS: DrainLimits = { limitMs: 10 * 60_000, tunnelsMs: 10 * 60_000 }
/** How long a manager may take to let go: a purge that is being applied, a lease that a store has to take back. */
const LET_GO_MS = 30_000

const faults = edgeChannel('fault')

export function createGeneration(options: GenerationOptions): Generation {
  const { number, release, config, switchboard } = options
  const startedAt = new Date().toISOString()
  const all = new Set<Child>()
  let isRetired = false
  let manager = openSlot('manager', 'manager')
  const workers = Array.from({ length: config.workers }, (_, i) => openSlot('worker', `worker-${i + 1}`))
  const slots = (): Slot[] => [manager, ...workers]

  function openSlot(role: ChildRole, id: ChildId): Slot {
    const onServing = role === 'manager' ? switchboard.lead : ignore
    return createSlot({ role, name: `${id}@${number}`, start: () => start(role, id), onServing })
  }

  function start(role: ChildRole, id: ChildId): Child {
    const listeners = options.listeners.filter(({ name }) => (name === 'admin') === (role === 'manager'))
    const settings: ChildSettings = {
      name: `${id}@${number}`,
      version: release.version,
      startedAt: options.startedAt,
      config,
      listeners: listeners.map((listener, i) => ({ ...listener, fd: FIRST_LISTENER_FD + i })),
      probeFd: PROBE_FD,
    }
    const child = startChild({
      ...options,
      role,
      id,
      generation: number,
      program: release,
      directory: existsSync(options.directory) ? options.directory : release.root,
      fds: listeners.map(({ fd }) => fd),
      settings: { v: 1, type: 'start', settings },
      relay: switchboard.relay,
      prove: (connection) => options.probe(role, connection, config),
      onEvent: switchboard.tell,
    })
    switchboard.connect(child)
    all.add(child)
    void child.ended.then(() => all.delete(child))
    return child
  }

  const generation: Generation = {
    number,
    release,
    config,
    state: 'starting',
    async start() {
      await Promise.all(slots().map((slot) => slot.open()))
    },
    async accept() {
      await Promise.all(workers.map((slot) => slot.serve()))
    },
    async lead() {
      await manager.serve()
      generation.state = 'running'
    },
    async letGo() {
      manager.retire()
      const child = manager.child()
      if (child === undefined || child.state === 'stopped') return
      if (child.state === 'running') {
        const outcome = await Promise.race([
          child.channel.call('manager', 'letGo', null, LET_GO_MS),
          child.ended,
        ]).catch((error: unknown) =>
          faults.publish({ area: 'manager', message: 'does not let go', error, name: child.name }),
        )
        if (outcome !== undefined) return
      }
      // What it held is free when it has ended: the kernel sees to that.
      child.kill()
      await child.ended
    },
    leadAgain() {
      if (isRetired) return
      finish(manager.child())
      manager = openSlot('manager', 'manager')
      manager.keep()
    },
    retire() {
      isRetired = true
      for (const slot of slots()) slot.retire()
    },
    async drain(role, limits) {
      generation.state = 'draining'
      const some = [...all].filter((child) => child.role === role)
      for (const child of some) child.drain(limits)
      await Promise.all(some.map((child) => endWithin(child, Math.max(limits.limitMs, limits.tunnelsMs) + GRACE_MS)))
    },
    async kill() {
      for (const child of all) child.kill()
      await Promise.all([...all].map(({ ended }) => ended))
    },
    info: () => ({ number, state: generation.state, version: release.version, release: release.root, startedAt }),
    processes() {
      // One that ended and is being replaced is missing: whoever counts them has to see that.
      const missing = generation.state === 'draining' ? [] : slots().map((slot) => slot.child())
      const seen = new Set([...missing, ...all].filter((child) => child !== undefined))
      return [...seen].map((child) => child.info())
    },
  }
  return generation
}

/** One that has let go does what it was asked for before, and ends. */
function finish(manager: Child | undefined): void {
  if (manager?.state === 'running') manager.drain(MANAGER_LIMITS)
}

async function endWithin(child: Child, limitMs: number): Promise<void> {
  const timer = setTimeout(() => {
    faults.publish({ area: child.role, message: 'ended by force', error: undefined, name: child.name })
    child.kill()
  }, limitMs)
  await child.ended
  clearTimeout(timer)
}

function ignore(): void {}
