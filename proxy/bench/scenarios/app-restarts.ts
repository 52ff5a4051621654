import { unexpected, wasUnderWay, type Moment } from '../load/mixed/judge.ts'
import type { Incident } from '../load/mixed/outcomes.ts'
import { describeIncident, failedOf } from '../load/mixed/tally.ts'
import type { Scenario } from '../scenario.ts'
import { startTwoWorkers } from '../servers/reloadable.ts'
import { assertExactlyOnce, recordResult, trial } from '../trial.ts'

const KILLS = { full: 10, quick: 3 }
const PAUSE_MS = 2000
/** How long whoever supervises the app takes to notice. */
const AWAY_MS = 500

/** What is stored does not need the app, and webhooks are kept: of these, not one may fail. */
const NEVER: readonly string[] = ['pages', 'webhooks']

/**
 * A request that the app was working on when it died is lost, and its visitor is told so; sending it again might do it twice. What
 * comes while the app is away waits for it.
 */
export const appRestarts: Scenario = {
  name: 'app-restarts',
  question: 'How many requests fail when the app is killed with -9 and started again, again and again?',
  async run(lab) {
    const moments: Moment[] = []
    const kills = lab.quick ? KILLS.quick : KILLS.full
    const options = { name: 'app-restarts', contestant: 'edge', start: startTwoWorkers } as const
    const result = await trial(options, lab, async ({ app, wait, tell }) => {
      for (let count = 1; count <= kills; count++) {
        tell(`kill ${count} of ${kills}`)
        moments.push(await app.kill())
        await wait(AWAY_MS)
        await app.start()
        await wait(PAUSE_MS)
      }
    })
    recordResult(lab, 'edge', result)
    const isAllowed = (incident: Incident): boolean =>
      incident.what === 'refusedStream' || (!NEVER.includes(incident.kind) && wasUnderWay(incident, moments))
    const late = unexpected(result.report, isAllowed)
    const record = (name: string, figure: number): void => lab.record('edge', { name, unit: 'requests' }, { figure })
    record('pages and webhooks that failed', failedOf(result.report, NEVER))
    record('failed though the app was not at them', late.length)
    record('POSTs acted on twice', result.audit.posts.twice.length)
    record('webhooks lost', result.audit.webhooks.lost.length)
    assertExactlyOnce(result)
    const [first] = late
    if (first !== undefined) throw new Error(`${late.length} failed without a reason: ${describeIncident(first)}`)
  },
}
