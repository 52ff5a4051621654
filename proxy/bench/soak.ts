import { setTimeout as sleep } from 'node:timers/promises'
import { spreadOf } from './report/ratios.ts'
import { averageSizeOf, sizeOf, type Size } from './machine/processes.ts'
import { killWorker, type Killed } from './servers/edge-processes.ts'
import type { RunningEdge } from './servers/edge.ts'
import { post } from './servers/reloadable.ts'

/** What happens to an edge in a day, in minutes: how many of each, spread evenly over the time. */
export type Day = {
  readonly reloads: number
  readonly purges: number
  readonly renewals: number
  readonly workerKills: number
}

/** The primary, which no reload replaces, and an average process: how many there are depends on how long generations drain. */
export type Sample = { readonly primary: Size; readonly average: ReturnType<typeof averageSizeOf> }

export type SoakOptions = {
  readonly edge: Pick<RunningEdge, 'http' | 'https' | 'admin' | 'pid'>
  readonly day: Day
  readonly ms: number
  /** A host that is purged, and one whose certificate is renewed. */
  readonly purged: string
  readonly renewed: string
  readonly signal?: AbortSignal
  tell?(text: string): void
}

export type Soaked = { readonly samples: readonly Sample[]; readonly killed: readonly Killed[]; readonly done: Day }

type Act = { readonly name: keyof Day; readonly everyMs: number; act(): Promise<unknown>; done: number }

const LOOK_MS = 250

/** Lets the time pass. Purges and renewals go on while processes are replaced. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const { ms, signal, edge, tell } = options
  const killed: Killed[] = []
  const samples: Sample[] = []
  const acts = actsOf(options, killed)
  const startedMs = performance.now()
  const elapsedMs = (): number => performance.now() - startedMs
  const rest = (restMs: number): Promise<void> => sleep(restMs, undefined, signal && { signal })

  /** Each in the middle of its share of the time; one that comes late is not made up for. */
  async function keepActing(one: Act): Promise<void> {
    for (let dueMs = one.everyMs / 2; dueMs < ms; dueMs += one.everyMs) {
      if (elapsedMs() > ms) return
      await rest(Math.max(0, dueMs - elapsedMs()))
      await one.act()
      one.done++
    }
  }

  async function keepLooking(): Promise<void> {
    while (elapsedMs() < ms) {
      await rest(LOOK_MS)
      samples.push({ primary: sizeOf(edge.pid), average: averageSizeOf(edge.pid) })
      const done = acts.map((one) => `${one.done} ${one.name}`).join(', ')
      tell?.(`${Math.round(elapsedMs() / 1000)} of ${Math.round(ms / 1000)} s: ${done}`)
    }
  }

  await Promise.all([...acts.map(keepActing), keepLooking()])
  return { samples, killed, done: Object.fromEntries(acts.map(({ name, done }) => [name, done])) as Day }
}

function actsOf({ edge, day, ms, purged, renewed }: SoakOptions, killed: Killed[]): Act[] {
  // A reload whose new worker is killed fails, as it should; that is for other tests.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (act: () => Promise<unknown>): Promise<unknown> => (last = last.then(act))
  const perName: Record<keyof Day, () => Promise<unknown>> = {
    reloads: () => inTurn(() => post(edge, '/reload')),
    purges: () => post(edge, '/purge', { hosts: [purged] }),
    renewals: () => post(edge, '/certificates?wait', { domain: renewed, renew: true }),
    workerKills: () => inTurn(async () => killed.push(await killWorker(edge))),
  }
  const names = Object.keys(perName) as (keyof Day)[]
  return names
    .filter((name) => day[name] > 0)
    .map((name) => ({ name, everyMs: ms / day[name], act: perName[name], done: 0 }))
}

/** How much more there is in the last third than in the first, by their medians: what goes up and down is not growth. */
export function growthOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const third = Math.floor(samples.length / 3)
  const median = (some: readonly Sample[]): number => spreadOf(some.map(of)).median
  return median(samples.slice(-third)) - median(samples.slice(0, third))
}
