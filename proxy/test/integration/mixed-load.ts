import { join } from 'node:path'
import type { Test } from 'tap'
import { audit, type Audit } from '../../bench/load/mixed/audit.ts'
import type { Incident } from '../../bench/load/mixed/outcomes.ts'
import { startMixedLoad } from '../../bench/load/mixed/start.ts'
import { describeIncident, describeIncidents, totalsOf, type Report } from '../../bench/load/mixed/tally.ts'
import { post } from '../../bench/servers/reloadable.ts'
import { startRecordingApp, type RecordingApp } from '../../bench/servers/recording-app.ts'
import { until } from '../until.ts'
import { productionEnvironment, startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'

export const MAIN_HOST = 'blot.example'
export const HANDLE = 'garden.blot.example'
export const DOMAIN = 'www.customer.example'

/** The production edge with two workers, a recording app behind it, and visitors of every kind. */
export type Loaded = {
  readonly edge: RunningEdge
  readonly app: RecordingApp
  /** Resolves when so many more requests have been answered as they should be, of all kinds or of one. */
  answered(count: number, kind?: string): Promise<void>
  /** What went wrong since it was last asked, or since the load began. What a server said it had not processed did not. */
  incidents(): Promise<Incident[]>
  /** Lets every visitor finish. @returns what went wrong since it was last asked. */
  end(): Promise<Incident[]>
  /** What the app did, beside what the visitors were told. */
  audit(): Audit
}

/** Half of the load of a bench: the edge is to be seen at work, not at its limit. */
const PACE = 2
/** What each kind has had before anything is done: certificates are made then, and pages stored. */
const SERVED = { pages: 50, answers: 50, slowUploads: 1, slowDownloads: 1, events: 6, websockets: 4, webhooks: 5 }

export async function startLoaded(t: Test, environment: Record<string, string> = {}): Promise<Loaded> {
  const directory = temporaryDirectory(t)
  const app = await startRecordingApp(join(directory, 'app.record'))
  t.teardown(() => app.kill())
  const edge = await startEdge(t, {
    args: ['run'],
    directory,
    environment: { ...production(app, directory), ...environment },
  })
  const record = join(directory, 'load.record')
  const { http, https } = edge
  const place = { http, https, mainHost: MAIN_HOST, sites: [HANDLE, DOMAIN] }
  // The first visitors of all would come at the same time as everybody else here.
  for (const domain of [MAIN_HOST, ...place.sites]) await post(edge, '/certificates?wait', { domain })
  const load = startMixedLoad({ ...place, run: 'test', secret: app.secret, record, pace: PACE })
  t.teardown(() => load.kill())

  let seen = 0
  function fresh({ incidents, omitted }: Report): Incident[] {
    if (omitted > 0) throw new Error(`${omitted} more than can be looked at`)
    return incidents.slice(seen, (seen = incidents.length)).filter(({ what }) => what !== 'refusedStream')
  }

  /** Waits for a report that is as it should be. */
  async function untilReport(what: string, isGood: (report: Report) => boolean): Promise<void> {
    let last: Report | undefined
    const look = async (): Promise<boolean> => isGood((last = await load.report()))
    await until(what, look, () => (last === undefined ? 'the load says nothing' : describe(last)))
  }

  await untilReport('each kind is answered', ({ kinds }) =>
    Object.entries(SERVED).every(([kind, times]) => (kinds[kind]?.ok ?? 0) >= times),
  )
  return {
    edge,
    app,
    async answered(count, kind) {
      const okOf = (report: Report): number => totalsOf(report, kind === undefined ? undefined : [kind]).ok
      const before = okOf(await load.report())
      await untilReport(`${count} more ${kind ?? 'requests'} are answered`, (report) => okOf(report) >= before + count)
    },
    incidents: async () => fresh(await load.report()),
    end: async () => fresh(await load.end()),
    audit: () => audit(app.record, record),
  }
}

function production(app: RecordingApp, directory: string): Record<string, string> {
  return {
    ...productionEnvironment(directory),
    BLOT_HOST: MAIN_HOST,
    BLOT_DROPBOX_SECRET: app.secret,
    EDGE_UPSTREAMS: `http://127.0.0.1:${app.port}`,
    EDGE_WORKERS: '2',
    // An app takes longer to start where much else goes on. Its visitors wait for a minute.
    EDGE_HOLD_MS: '45000',
  }
}

function describe(report: Report): string {
  const kinds = Object.entries(report.kinds).map(([kind, { ok }]) => `${ok} ${kind}`)
  return `${kinds.join(', ')}; ${describeIncidents(report)}`
}

/** Fails with the first of them that nothing explains. */
export function assertExplained(
  t: Test,
  incidents: readonly Incident[],
  isExplained: (incident: Incident) => boolean = () => false,
): void {
  const others = incidents.filter((incident) => !isExplained(incident))
  t.same(others.slice(0, 10).map(describeIncident), [], `${incidents.length} incidents, each of them explained`)
}
