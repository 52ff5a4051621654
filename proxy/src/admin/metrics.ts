import { edgeChannel, type CacheState, type HandshakeOutcome, type HoldOutcome, type WebhookPhase } from '../events.ts'

/** Upper bounds in seconds: from an answer out of memory to an upload. */
export const DURATION_BOUNDS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

const CACHE_STATES = ['HIT', 'MISS', 'EXPIRED', 'STALE', 'UPDATING', 'REVALIDATED', 'BYPASS'] as const
const CACHE_LABELS = [...CACHE_STATES, 'none'] as const
const WEBHOOK_PHASES = ['kept', 'refused', 'delivered', 'failed', 'dead', 'dropped'] as const
const HOLD_OUTCOMES = ['released', 'expired', 'left', 'full'] as const
const OUTCOMES = ['memory', 'stored', 'issued', 'fallback', 'refused'] as const
/** By the first digit of the status; `other` is no HTTP status (an answer that never began). */
const STATUS_CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

export type StatusClass = (typeof STATUS_CLASSES)[number]
/** `none`: the cache was not asked. */
export type CacheLabel = CacheState | 'none'

/** What only grows while a process lives. */
export type Counters = {
  requests: Record<StatusClass, Record<CacheLabel, number>>
  aborted: number
  /** Of bodies, handed to connections. */
  bytes: number
  /** Requests by duration: one number for each of DURATION_BOUNDS_S, and a last one for all above; not cumulative. */
  durations: { buckets: number[]; sumSeconds: number }
  handshakes: Record<HandshakeOutcome, number>
  /** Of those, the ones that went by a session ticket. */
  resumed: number
  certificates: { obtained: number; failed: number }
  purges: { applied: number; entries: number }
  webhooks: Record<WebhookPhase, number>
  /** Requests that waited for the app, or were to. */
  held: Record<HoldOutcome, number>
  faults: number
  cpuSeconds: number
}

/** What goes up and down. */
export type Gauges = {
  connections: number
  /** Requests that wait for the app. */
  held: number
  memoryEntries: number
  memoryBytes: number
  rssBytes: number
}

/** All that one process has counted: plain JSON, for the way from a worker to the manager. */
export type MetricsSnapshot = {
  process: { pid: number; startedAtMs: number }
  counters: Counters
  gauges: Gauges
}

export function zeroCounters(): Counters {
  return {
    requests: record(STATUS_CLASSES, () => record(CACHE_LABELS, () => 0)),
    aborted: 0,
    bytes: 0,
    durations: { buckets: Array.from({ length: DURATION_BOUNDS_S.length + 1 }, () => 0), sumSeconds: 0 },
    handshakes: record(OUTCOMES, () => 0),
    resumed: 0,
    certificates: { obtained: 0, failed: 0 },
    purges: { applied: 0, entries: 0 },
    webhooks: record(WEBHOOK_PHASES, () => 0),
    held: record(HOLD_OUTCOMES, () => 0),
    faults: 0,
    cpuSeconds: 0,
  }
}

export type Metrics = {
  snapshot(): MetricsSnapshot
  /** Stops counting. */
  stop(): void
}

export type MemoryTier = { entries: number; bytes: number }

/**
 * Counts what the channels of this process report. A request costs a few additions in typed arrays and no allocation.
 * @param memoryTier asked at each snapshot; a process without a memory tier has none.
 */
export function createMetrics(memoryTier: () => MemoryTier = () => ({ entries: 0, bytes: 0 })): Metrics {
  const startedAtMs = Date.now()
  const requests = countRequests()
  const handshakes = new Float64Array(OUTCOMES.length)
  const certificates = { obtained: 0, failed: 0 }
  const purges = { applied: 0, entries: 0 }
  const webhooks = record(WEBHOOK_PHASES, () => 0)
  const held = record(HOLD_OUTCOMES, () => 0)
  let waiting = 0
  let faults = 0
  let resumed = 0
  let connections = 0

  const unsubscribe = [
    requests.stop,
    edgeChannel('handshake').subscribe((handshake) => {
      if (handshake.resumed) resumed += 1
      increment(handshakes, OUTCOMES.indexOf(handshake.outcome))
    }),
    edgeChannel('certificate').subscribe(({ phase }) => {
      if (phase !== 'obtaining') certificates[phase] += 1
    }),
    edgeChannel('purge').subscribe(({ entries }) => {
      purges.applied += 1
      purges.entries += entries
    }),
    edgeChannel('webhook').subscribe(({ phase }) => {
      webhooks[phase] += 1
    }),
    edgeChannel('hold').subscribe((hold) => {
      waiting = hold.waiting
      if (hold.outcome !== undefined) held[hold.outcome] += 1
    }),
    edgeChannel('connection').subscribe(({ open }) => {
      connections = open
    }),
    edgeChannel('fault').subscribe(() => {
      faults += 1
    }),
  ]

  return {
    snapshot() {
      const { user, system } = process.cpuUsage()
      const { entries, bytes } = memoryTier()
      return {
        process: { pid: process.pid, startedAtMs },
        counters: {
          ...requests.counters(),
          handshakes: record(OUTCOMES, (i) => handshakes[i] ?? 0),
          resumed,
          certificates: { ...certificates },
          purges: { ...purges },
          webhooks: { ...webhooks },
          held: { ...held },
          faults,
          cpuSeconds: (user + system) / 1e6,
        },
        gauges: {
          connections,
          held: waiting,
          memoryEntries: entries,
          memoryBytes: bytes,
          rssBytes: process.memoryUsage.rss(),
        },
      }
    },
    stop() {
      for (const end of unsubscribe) end()
    },
  }
}

/** The hot part. Numbers live in typed arrays: a number over 2^31 in an object would be allocated at each addition. */
function countRequests() {
  const byClassAndCache = new Float64Array(STATUS_CLASSES.length * CACHE_LABELS.length)
  const buckets = new Float64Array(DURATION_BOUNDS_S.length + 1)
  /** [seconds, bytes, aborted] */
  const sums = new Float64Array(3)

  const stop = edgeChannel('request').subscribe(({ status, cache, bytes, durationMs, aborted }) => {
    const first = Math.trunc(status / 100)
    const statusClass = first >= 1 && first <= 5 ? first : 0
    const label = CACHE_LABELS.indexOf(cache ?? 'none')
    increment(byClassAndCache, statusClass * CACHE_LABELS.length + label)
    const seconds = durationMs / 1000
    let bucket = 0
    while (bucket < DURATION_BOUNDS_S.length && seconds > (DURATION_BOUNDS_S[bucket] ?? 0)) bucket += 1
    increment(buckets, bucket)
    increment(sums, 0, seconds)
    increment(sums, 1, bytes)
    if (aborted) increment(sums, 2)
  })

  return {
    stop,
    counters: () => ({
      requests: record(STATUS_CLASSES, (row) =>
        record(CACHE_LABELS, (column) => byClassAndCache[row * CACHE_LABELS.length + column] ?? 0),
      ),
      durations: { buckets: [...buckets], sumSeconds: sums[0] ?? 0 },
      bytes: sums[1] ?? 0,
      aborted: sums[2] ?? 0,
    }),
  }
}

function increment(numbers: Float64Array, index: number, by = 1): void {
  numbers[index] = (numbers[index] ?? 0) + by
}

function record<Key extends string, Value>(keys: readonly Key[], valueAt: (i: number) => Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key, i) => [key, valueAt(i)])) as Record<Key, Value>
}
