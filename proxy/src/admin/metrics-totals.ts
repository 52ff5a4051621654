import { zeroCounters, type Counters, type Gauges, type MetricsSnapshot } from './metrics.ts'

/** The sum over processes. */
export type MergedMetrics = { processes: number; counters: Counters; gauges: Gauges }

/** @param ended what processes that are not there any more had counted. */
export function mergeMetrics(snapshots: readonly MetricsSnapshot[], ended?: Counters): MergedMetrics {
  const gauges: Gauges = { connections: 0, held: 0, memoryEntries: 0, memoryBytes: 0, rssBytes: 0 }
  const sum = { processes: snapshots.length, counters: zeroCounters(), gauges }
  if (ended !== undefined) add(sum.counters, ended)
  for (const snapshot of snapshots) {
    add(sum.counters, snapshot.counters)
    add(sum.gauges, snapshot.gauges)
  }
  return sum
}

/** Processes that ended are remembered one by one until there are this many, then only as their sum. */
const MAX_ENDED = 64
/** The same where nobody ever asks for the sum. */
const MAX_SEEN = 512

/** What is remembered of processes, on its way to another primary: plain JSON. */
export type EndedState = { readonly seen: readonly MetricsSnapshot[]; readonly forgotten: Counters }

export type EndedTotals = {
  /** Remembers what was last seen of a process. */
  saw(snapshots: readonly MetricsSnapshot[]): void
  /** @returns the sum of all that were ever seen, without those that are there. */
  sumWithout(present: readonly MetricsSnapshot[]): Counters
  state(): EndedState
  /** Goes on with what another one remembered. */
  take(state: EndedState): void
}

/**
 * Keeps what processes had counted when they ended. Without it a restarted worker would make the sum smaller, which
 * Prometheus takes for a restart of everything: `rate()` would count all that the other workers did a second time.
 * One that was only late to answer takes its place again.
 */
export function createEndedTotals(): EndedTotals {
  const lastSeen = new Map<string, MetricsSnapshot>()
  const forgotten = zeroCounters()

  function forgetOldest(present: ReadonlySet<string>, most: number): void {
    const ended = [...lastSeen].filter(([key]) => !present.has(key))
    for (const [key, { counters }] of ended.slice(0, Math.max(0, ended.length - most))) {
      add(forgotten, counters)
      lastSeen.delete(key)
    }
  }

  return {
    saw(snapshots) {
      for (const snapshot of snapshots) lastSeen.set(keyOf(snapshot), snapshot)
      forgetOldest(new Set(snapshots.map(keyOf)), MAX_SEEN)
    },
    sumWithout(snapshots) {
      const present = new Set(snapshots.map(keyOf))
      forgetOldest(present, MAX_ENDED)
      const ended = structuredClone(forgotten)
      for (const [key, { counters }] of lastSeen) if (!present.has(key)) add(ended, counters)
      return ended
    },
    state: () => ({ seen: [...lastSeen.values()], forgotten }),
    take(state) {
      for (const snapshot of state.seen) lastSeen.set(keyOf(snapshot), snapshot)
      add(forgotten, state.forgotten)
    },
  }
}

/** A pid may be used again; not in the same millisecond. */
function keyOf({ process }: MetricsSnapshot): string {
  return `${process.pid} ${process.startedAtMs}`
}

type Tree = { [key: string]: number | Tree }

/** Adds the numbers of one tree to those at the same places of another. Arrays are trees with numbers for keys. */
function add(sum: object, addend: object): void {
  const target = sum as Tree
  for (const [key, value] of Object.entries(addend as Tree)) {
    const present = target[key]
    if (typeof value === 'object' && typeof present === 'object') add(present, value)
    else if (typeof value === 'number' && typeof present === 'number') target[key] = present + value
    // Else another version counted it, and this one knows no name for it.
  }
}
