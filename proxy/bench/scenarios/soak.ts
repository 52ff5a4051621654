import { unexpected } from '../load/mixed/judge.ts'
import { describeIncident, totalsOf } from '../load/mixed/tally.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startTwoWorkers } from '../servers/reloadable.ts'
import { growthOf, soak, type Day, type Sample, type Soaked } from '../soak.ts'
import { assertExactlyOnce, DOMAIN, HANDLES, recordResult, trial } from '../trial.ts'

const MB = 2 ** 20
/** What befalls an edge, for how long, and how long before it is measured: heaps fill, and generations that drain pile up. */
type Stage = { readonly name: string; readonly day: Day; readonly warmMs: number; readonly ms: number }
/** Nothing but visitors, purges and renewals; then all that befalls processes, too. V8 fills its heaps for some three minutes. */
const FULL: readonly Stage[] = [
  { name: 'steady', day: day(0, 1440, 300, 0), warmMs: 180_000, ms: 180_000 },
  { name: 'restless', day: day(24, 1440, 300, 3), warmMs: 60_000, ms: 180_000 },
]
const QUICK: readonly Stage[] = [
  { name: 'steady', day: day(0, 75, 15, 0), warmMs: 5_000, ms: 10_000 },
  { name: 'restless', day: day(3, 75, 15, 2), warmMs: 5_000, ms: 10_000 },
]
/** Streams go with their generation, so that what is left of it can be counted. */
const ENVIRONMENT = { EDGE_RELOAD_DRAIN_MS: '2000' }
const STREAMS: ReadonlySet<string> = new Set(['websockets', 'events'])

export const soakScenario: Scenario = {
  name: 'soak',
  question: 'Does the edge grow in a day of 10 minutes, and does it lose a request?',
  async run(lab) {
    const stages = lab.quick ? QUICK : FULL
    const warmed: Soaked[] = []
    const measured: Soaked[] = []
    const options = { name: 'soak', contestant: 'edge', start: startTwoWorkers, environment: ENVIRONMENT } as const
    const result = await trial(options, lab, async ({ server, tell }) => {
      const common = { edge: server, purged: HANDLES[0], renewed: DOMAIN, signal: lab.signal, tell }
      for (const { day: all, warmMs, ms } of stages) {
        const passMs = (lastsMs: number): Promise<Soaked> =>
          soak({ ...common, ms: lastsMs, day: shareOf(all, lastsMs / (warmMs + ms)) })
        warmed.push(await passMs(warmMs))
        measured.push(await passMs(ms))
      }
    })
    for (const [index, { name, ms }] of stages.entries()) {
      const { samples = [] } = measured[index] ?? {}
      recordGrowth(lab, name, samples, ms)
    }
    recordResult(lab, 'edge', result)
    const owned = new Set([...warmed, ...measured].flatMap(({ killed }) => killed.flatMap((one) => [...one.owned])))
    const lost = unexpected(
      result.report,
      ({ what, kind, port }) => what === 'refusedStream' || owned.has(port) || STREAMS.has(kind),
    )
    lab.record('edge', { name: 'failed without a reason', unit: 'requests' }, { figure: lost.length })
    lab.note(`edge: ${totalsOf(result.report).ok} answers; ${measured.map(describe).join('; then ')}`)
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
function recordGrowth(lab: Lab, stage: string, samples: readonly Sample[], ms: number): void {
  const perHour = 3600_000 / ((ms * 2) / 3)
  const grows = (name: string, unit: 'MB/h' | '/h', of: (sample: Sample) => number): void =>
    lab.record('edge', { name: `${stage}: ${name}`, unit }, { figure: growthOf(samples, of) * perHour })
  grows('memory of the primary', 'MB/h', ({ primary }) => primary.bytes / MB)
  grows('memory of a process', 'MB/h', ({ average }) => average.bytes / MB)
  grows('descriptors of the primary', '/h', ({ primary }) => primary.descriptors)
  grows('descriptors of a process', '/h', ({ average }) => average.descriptors)
  const most = Math.max(...samples.map(({ average }) => average.processes))
  lab.record('edge', { name: `${stage}: processes at most`, unit: '' }, { figure: most })
}

function describe({ done }: Soaked): string {
  return Object.entries(done)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
