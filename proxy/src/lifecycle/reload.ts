import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { ReloadRefused } from '../errors.ts'
import type { Generation } from './generation.ts'
import type { Generations } from './generations.ts'
import type { ReloadOutcome } from '../admin/contracts.ts'
import type { Release } from './release.ts'
import type { HeldSocket, Sockets } from './sockets.ts'
import type { Switchboard } from './switchboard.ts'
import { tell } from './turns.ts'

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

/** From the release and the configuration on disk to a generation that serves. */
export async function reload(options: ReloadOptions): Promise<ReloadOutcome> {
  const { generations, sockets, signal } = options
  signal.throwIfAborted()
  const before = servingOf(generations)
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

/** @throws EDGE_ERR_RELOAD_REFUSED where nothing serves that could be replaced. */
export function servingOf(generations: Generations): Generation {
  const serving = generations.serving()
  if (serving !== undefined) return serving
  throw new ReloadRefused('this primary has nothing that serves: it is starting, or another one has taken over')
}

/** What belongs to whom on disk is not changed while somebody uses it. */
export function refuseChange(before: Config, after: Config): void {
  if (before.user === after.user || process.getuid?.() !== 0) return
  const [was, is] = [before.user ?? 'root', after.user ?? 'root']
  throw new ReloadRefused(`EDGE_USER is ${is} now, and what the edge has on disk belongs to ${was}: restart it`)
}

function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}
