import { unexpected } from '../load/mixed/judge.ts'
import { describeIncident, totalsOf } from '../load/mixed/tally.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startTwoWorkers } from '../servers/reloadable.ts'
import { growthOf, soak, type Day, type Sample, type Soaked } from '../soak.ts'
import { assertExactlyOnce, DOMAIN, HANDLES, recordResult, trial } from '../trial.ts'

const MB = 2 ** 20
/** Of a day: half of the time, of which the first third is a warm-up, nothing but visitors, purges and renewals, half of it all that befalls processes too. */
const FULL = { warmMs: 100_000, ms: 200_000, steady: day(0, 1440, 300, 0), restless: day(24, 1440, 300, 3) }
const QUICK = { warmMs: 5_000, ms: 10_000, steady: day(0, 75, 15, 0), restless: day(3, 75, 15, 2) }
/** Streams go with their generation, so that what is left of it can be counted. */
const ENVIRONMENT = { EDGE_RELOAD_DRAIN_MS: '2000' }
const STREAMS: ReadonlySet<string> = new Set(['websockets', 'events'])

export const soakScenario: Scenario = {
  name: 'soak',
  question: 'Does the edge grow in a day of 10 minutes, and does it lose a request?',
  async run(lab) {
    const { warmMs, ms, steady, restless } = lab.quick ? QUICK : FULL
    const warmed: Soaked[] = []
    const stages: Soaked[] = []
    const options = { name: 'soak', contestant: 'edge', start: startTwoWorkers, environment: ENVIRONMENT } as const
    const result = await trial(options, lab, async ({ server, tell }) => {
      const common = { edge: server, purged: HANDLES[0], renewed: DOMAIN, signal: lab.signal, tell }
      const passMs = (lastsMs: number, all: Day): Promise<Soaked> =>
        soak({ ...common, ms: lastsMs, day: shareOf(all, lastsMs / (warmMs + ms)) })
      for (const all of [steady, restless]) {
        // Heaps fill, and generations that drain pile up, before anything can be said of what grows.
        warmed.push(await passMs(warmMs, all))
        stages.push(await passMs(ms, all))
      }
    })
    for (const [index, stage] of stages.entries()) recordGrowth(lab, index === 0 ? 'steady' : 'restless', stage, ms)
    recordResult(lab, 'edge', result)
    const owned = new Set([...warmed, ...stages].flatMap(({ killed }) => killed.flatMap((one) => [...one.owned])))
    const lost = unexpected(
      result.report,
      ({ what, kind, port }) => what === 'refusedStream' || owned.has(port) || STREAMS.has(kind),
    )
    lab.record('edge', { name: 'failed without a reason', unit: 'requests' }, { figure: lost.length })
    lab.note(`edge: ${totalsOf(result.report).ok} answers; ${stages.map(describe).join('; then ')}`)
    assertExactlyOnce(result)
    const [first] = lost
    if (first !== undefined) throw new Error(`${lost.length} failed without a reason: ${describeIncident(first)}`)
  },
}

function day(reloads: number, purges: number, renewals: number, workerKills: number): Day {
  return { reloads, purges, renewals, workerKills }
}

function shareOf({ reloads, purges, renewals, workerKills }: Day, share: number): Day {
  const of = (count: number): number => Math.round(count * share)
  return day(of(reloads), of(purges), of(renewals), of(workerKills))
}

/** As slopes, so that a short run and a long one say the same. */
function recordGrowth(lab: Lab, stage: string, { samples }: Soaked, ms: number): void {
  const perHour = 3600_000 / ((ms * 2) / 3)
  const slope = (of: (sample: Sample) => number): number => growthOf(samples, of) * perHour
  const record = (name: string, unit: 'MB/h' | '/h', figure: number): void =>
    lab.record('edge', { name: `${stage}: ${name}`, unit }, { figure })
  record(
    'memory of the primary',
    'MB/h',
    slope(({ primary }) => primary.bytes / MB),
  )
  record(
    'memory of all',
    'MB/h',
    slope(({ all }) => all.bytes / MB),
  )
  record(
    'descriptors of the primary',
    '/h',
    slope(({ primary }) => primary.descriptors),
  )
  record(
    'descriptors of all',
    '/h',
    slope(({ all }) => all.descriptors),
  )
}

function describe({ done }: Soaked): string {
  return Object.entries(done)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
