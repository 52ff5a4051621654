import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { createGeneration, MANAGER_LIMITS, type Generation, type Surroundings } from './generation.ts'
import type { GenerationStatus } from '../admin/contracts.ts'
import type { DrainLimits } from '../server/drain.ts'
import type { ProcessInfo } from './messages.ts'
import type { Release } from './release.ts'
import type { HeldSocket } from './sockets.ts'
import { withPorts } from './sockets.ts'

/** The generations that have processes: one serves, one may be about to, and those before them drain. */
export type Generations = {
  serving(): Generation | undefined
  /** Makes the next one. Nothing of it is started yet. */
  open(release: Release, config: Config, sockets: readonly HeldSocket[]): Generation
  /** The next one serves from now on, and the one before it drains. */
  promote(generation: Generation): void
  /** The next one will not serve. What it accepted, if anything, is finished. */
  abandon(generation: Generation, hasAccepted: boolean): Promise<void>
  /** Drains all, workers first: while they drain, the manager still answers them. */
  stop(limits: DrainLimits, managerLimits: DrainLimits): Promise<void>
  kill(): void
  /** Has the one that serves drain as at a reload, with nobody after it here; resolves when all have ended. */
  leave(): Promise<void>
  /** The last number that was given. */
  lastNumber(): number
  infos(): GenerationStatus[]
  processes(): ProcessInfo[]
}

/** Requests under way have no less than at a stop, however short streams and tunnels are kept. */
const LEAST_MS = 30_000
/** Each one that drains has its processes and their memory: when there are more, the oldest is ended. */
const MAX_DRAINING = 8
export const SHORT: DrainLimits = { limitMs: 10_000, tunnelsMs: 10_000 }

/** @param given the last number that was given elsewhere. */
export function createGenerations(surroundings: Surroundings, given = 0, create = createGeneration): Generations {
  const draining = new Map<Generation, Promise<void>>()
  /** Those of them that have to end soon. */
  const hurried = new WeakSet<Generation>()
  let serving: Generation | undefined
  let next: Generation | undefined
  let lastNumber = given

  function all(): Generation[] {
    return [...draining.keys(), serving, next].filter((generation) => generation !== undefined)
  }

  function drain(generation: Generation, tunnelsMs: number): void {
    generation.retire()
    const drained = Promise.all([
      generation.drain('worker', { limitMs: Math.max(LEAST_MS, tunnelsMs), tunnelsMs }),
      generation.drain('manager', MANAGER_LIMITS),
    ])
    draining.set(
      generation,
      drained.then(() => void draining.delete(generation)),
    )
    endOldest()
  }

  function endOldest(): void {
    const [oldest, ...others] = [...draining.keys()].filter((one) => !hurried.has(one))
    if (oldest === undefined || others.length < MAX_DRAINING) return
    hurried.add(oldest)
    const error = `more than ${MAX_DRAINING} generations drain: the oldest ends within ${SHORT.limitMs / 1000} s`
    edgeChannel('fault').publish({ area: 'lifecycle', message: 'drain is cut short', error })
    void oldest.drain('worker', SHORT)
  }

  return {
    serving: () => serving,
    open(release, config, sockets) {
      lastNumber += 1
      const listeners = sockets.map(({ name, address, port, fd }) => ({ name, address, port, fd }))
      next = create({
        ...surroundings,
        number: lastNumber,
        release,
        config: withPorts(config, sockets),
        listeners,
      })
      return next
    },
    promote(generation) {
      const before = serving
      serving = generation
      next = undefined
      if (before !== undefined) drain(before, generation.config.reloadDrainMs)
    },
    async abandon(generation, hasAccepted) {
      next = undefined
      generation.retire()
      if (hasAccepted) drain(generation, generation.config.reloadDrainMs)
      else await generation.kill()
    },
    async stop(limits, managerLimits) {
      for (const generation of all()) generation.retire()
      await Promise.all(all().map((generation) => generation.drain('worker', limits)))
      await Promise.all(all().map((generation) => generation.drain('manager', managerLimits)))
    },
    kill() {
      for (const generation of all()) void generation.kill()
    },
    async leave() {
      const last = serving
      serving = undefined
      if (last !== undefined) drain(last, last.config.reloadDrainMs)
      await Promise.all(draining.values())
    },
    lastNumber: () => lastNumber,
    infos: () => all().map((generation) => generation.info()),
    processes: () => all().flatMap((generation) => generation.processes()),
  }
}
