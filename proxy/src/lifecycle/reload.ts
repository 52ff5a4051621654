import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { codeOf, ReloadRefused } from '../errors.ts'
import { edgeChannel, type ReloadEvent } from '../events.ts'
import type { Generation } from './generation.ts'
import type { Generations } from './generations.ts'
import type { ReloadOutcome, ReloadStatus } from '../admin/contracts.ts'
import type { Release } from './release.ts'
import type { HeldSocket, Sockets } from './sockets.ts'
import type { Switchboard } from './switchboard.ts'

export type ReloadOptions = {
  generations: Generations
  sockets: Sockets
  switchboard: Switchboard
  /** The release that is to be started now. */
  findRelease(): Release
  /** The configuration as that release reads it now. Rejects with all that is wrong with it. */
  configure(release: Release, signal: AbortSignal): Promise<Config>
  /** Makes what a configuration needs on this machine: folders. */
  prepare(config: Config): void
  /** Called when another configuration serves, on these sockets. */
  onServing(config: Config, sockets: readonly HeldSocket[]): void
  /** Ends a reload that is under way, as if it had failed. */
  signal: AbortSignal
}

export type Reloads = {
  /** Whoever asks while one is under way gets the next one: it may have read what has changed since. */
  reload(): Promise<ReloadOutcome>
  isUnderWay(): boolean
  /** The last one; undefined before the first. */
  report(): ReloadStatus | undefined
  /** Resolves when none is under way. */
  settled(): Promise<void>
}

const reloads = edgeChannel('reload')

export function createReloads(options: ReloadOptions): Reloads {
  let underWay: Promise<ReloadOutcome> | undefined
  let next: Promise<ReloadOutcome> | undefined
  let report: ReloadStatus | undefined

  async function begin(): Promise<ReloadOutcome> {
    options.signal.throwIfAborted()
    const at = new Date().toISOString()
    try {
      const outcome = await reloadOnce(options)
      report = { at, state: 'succeeded', ...outcome }
      return outcome
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error)
      report = { at, state: 'failed', code: codeOf(error), error: sentence }
      tell('failed', `${sentence} (${codeOf(error)})`)
      throw error
    }
  }

  function start(): Promise<ReloadOutcome> {
    underWay = begin().finally(() => (underWay = undefined))
    return underWay
  }

  return {
    reload() {
      if (underWay === undefined) return start()
      next ??= underWay
        .catch(() => undefined)
        .then(() => {
          next = undefined
          return start()
        })
      return next
    },
    isUnderWay: () => underWay !== undefined,
    report: () => report,
    async settled() {
      await Promise.allSettled([underWay, next])
    },
  }
}

/** From the release and the configuration on disk to a generation that serves. */
async function reloadOnce(options: ReloadOptions): Promise<ReloadOutcome> {
  const { generations, sockets, signal } = options
  const before = generations.serving()
  if (before === undefined) throw new ReloadRefused('the edge is still starting: nothing serves yet')
  const release = options.findRelease()
  tell('reloading', `release ${release.root}, version ${release.version}`)
  const config = await untilAborted(options.configure(release, signal), signal)
  refuseChange(before.config, config)
  tell('reloading', 'the configuration is valid')
  const former = sockets.held()
  const kept = await sockets.open(config)
  const generation = generations.open(release, config, kept)
  let hasAccepted = false
  try {
    options.prepare(config)
    tell('reloading', `starting a manager and ${countOf(config.workers, 'worker')}`)
    await untilAborted(generation.start(), signal)
    tell('reloading', 'each of them answers')
    hasAccepted = true
    await untilAborted(generation.accept(), signal)
    await untilAborted(handOver(before, generation, options), signal)
  } catch (error) {
    await generations.abandon(generation, hasAccepted)
    sockets.keep(former)
    throw error
  }
  generations.promote(generation)
  sockets.keep(kept)
  options.onServing(generation.config, kept)
  const { number } = generation
  tell('succeeded', `generation ${number} serves, generation ${before.number} drains`)
  return { generation: number, version: release.version, release: release.root }
}

/** There is always one manager at most that leads; calls for it wait meanwhile. */
async function handOver(before: Generation, after: Generation, { switchboard }: ReloadOptions): Promise<void> {
  switchboard.hold()
  await before.letGo()
  try {
    await after.lead()
  } catch (error) {
    before.leadAgain()
    throw error
  }
}

/** What only a new primary can change. */
function refuseChange(before: Config, after: Config): void {
  if (before.user === after.user || process.getuid?.() !== 0) return
  const [was, is] = [before.user ?? 'root', after.user ?? 'root']
  throw new ReloadRefused(`EDGE_USER is ${is} now, and what the edge has on disk belongs to ${was}: restart it`)
}

function tell(phase: ReloadEvent['phase'], step: string): void {
  reloads.publish({ phase, step })
}

function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}
