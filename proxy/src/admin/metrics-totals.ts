import { zeroCounters, type Counters, type Gauges, type MetricsSnapshot } from './metrics.ts'

/** The sum over processes. */
export type MergedMetrics = { processes: number; counters: Counters; gauges: Gauges }

export function mergeMetrics(snapshots: readonly MetricsSnapshot[]): MergedMetrics {
  const gauges: Gauges = { connections: 0, memoryEntries: 0, memoryBytes: 0, rssBytes: 0 }
  const sum = { processes: snapshots.length, counters: zeroCounters(), gauges }
  for (const snapshot of snapshots) {
    add(sum.counters, snapshot.counters)
    add(sum.gauges, snapshot.gauges)
  }
  return sum
}

/** Processes that ended are remembered one by one until there are this many, then only as their sum. */
const MAX_ENDED = 64

export type MetricsTotals = {
  /** @returns the counters of all processes ever seen, and the gauges of those given. */
  update(snapshots: readonly MetricsSnapshot[]): MergedMetrics
}

/**
 * Keeps what processes had counted when they ended. Without it a restarted worker would make the sum smaller, which
 * Prometheus takes for a restart of everything: `rate()` would count all that the other workers did a second time.
 * One that was only late to answer takes its place again.
 */
export function createMetricsTotals(): MetricsTotals {
  const lastSeen = new Map<string, MetricsSnapshot>()
  const forgotten = zeroCounters()

  function forgetOldest(ended: readonly [string, MetricsSnapshot][]): void {
    for (const [key, { counters }] of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) {
      add(forgotten, counters)
      lastSeen.delete(key)
    }
  }

  return {
    update(snapshots) {
      const present = new Map(snapshots.map((snapshot) => [keyOf(snapshot), snapshot]))
      for (const [key, snapshot] of present) lastSeen.set(key, snapshot)
      const ended = [...lastSeen].filter(([key]) => !present.has(key))
      forgetOldest(ended)
      const sum = mergeMetrics(snapshots)
      for (const [key, { counters }] of ended) if (lastSeen.has(key)) add(sum.counters, counters)
      add(sum.counters, forgotten)
      return sum
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
