import { EVENTS, OUTCOMES, type Event, type Incident, type Outcome } from './outcomes.ts'

export type Counts = Record<Outcome | Event, number>

/** What a load saw, by kind of visitor. */
export type Report = {
  readonly seconds: number
  readonly kinds: Readonly<Record<string, Counts>>
  /** The first of them, in the order in which they happened. */
  readonly incidents: readonly Incident[]
  /** How many more there were. */
  readonly omitted: number
  /** The time from a request to its last byte, of those that were answered as they should be and slow by no intention. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

export type Tally = {
  ok(kind: string, tookMs?: number): void
  record(incident: Incident): void
  report(): Report
}

/** Enough for a worker that died with all of its connections. */
const KEPT = 1000
/** Times kept, at most: of more, every so-many-th one. */
const TIMES = 50_000

export function createTally(): Tally {
  const startedMs = performance.now()
  const kinds = new Map<string, Counts>()
  const incidents: Incident[] = []
  const times: number[] = []
  let omitted = 0
  let timed = 0

  function countsOf(kind: string): Counts {
    const counts = kinds.get(kind) ?? noCounts()
    kinds.set(kind, counts)
    return counts
  }

  return {
    ok(kind, tookMs) {
      countsOf(kind).ok++
      if (tookMs !== undefined) times[timed++ % TIMES] = tookMs
    },
    record(incident) {
      countsOf(incident.kind)[incident.what]++
      if (incidents.length < KEPT) incidents.push(incident)
      else omitted++
    },
    report() {
      const seconds = (performance.now() - startedMs) / 1000
      return { seconds, kinds: Object.fromEntries(kinds), incidents, omitted, ...timesOf(times) }
    },
  }
}

export function noCounts(): Counts {
  return Object.fromEntries([...OUTCOMES, ...EVENTS].map((name) => [name, 0])) as Counts
}

function timesOf(times: readonly number[]): Pick<Report, 'p50Ms' | 'p99Ms' | 'mostMs'> {
  const sorted = Float64Array.from(times).toSorted()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99), mostMs: sorted.at(-1) ?? 0 }
}

/** @param kinds all, unless some are named. */
export function totalsOf(report: Pick<Report, 'kinds'>, kinds: readonly string[] = Object.keys(report.kinds)): Counts {
  const totals = noCounts()
  for (const kind of kinds) {
    for (const [name, count] of Object.entries(report.kinds[kind] ?? {})) totals[name as keyof Counts] += count
  }
  return totals
}

/** Requests that were not answered as they should be. */
export function failedOf(report: Pick<Report, 'kinds'>, kinds?: readonly string[]): number {
  const totals = totalsOf(report, kinds)
  return OUTCOMES.reduce((sum, outcome) => sum + (outcome === 'ok' ? 0 : totals[outcome]), 0)
}

/** The first failures of each kind, a line each, as somebody would want to read them who looks for their reason. */
export function describeIncidents({ incidents, omitted }: Report, perKind = 3): string {
  const seen = new Map<string, number>()
  const lines = incidents.flatMap((incident) => {
    const group = `${incident.kind} ${incident.what}`
    const count = (seen.get(group) ?? 0) + 1
    seen.set(group, count)
    return count > perKind ? [] : [describeIncident(incident)]
  })
  const more = incidents.length + omitted - lines.length
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
}

export function describeIncident({ kind, what, via, phase, beganMs, endedMs, port, reused, detail }: Incident): string {
  const when = `${new Date(endedMs).toISOString().slice(11, 23)} after ${Math.round(endedMs - beganMs)} ms`
  return `${kind} over ${via}: ${what} in ${phase}, ${when}, port ${port}${reused ? ' (reused)' : ''}: ${detail.replaceAll(/\s+/g, ' ')}`
}
