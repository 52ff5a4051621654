import { unexpected } from '../load/mixed/judge.ts'
import { describeIncident } from '../load/mixed/tally.ts'
import type { Scenario } from '../scenario.ts'
import { killWorker, processesOf, type Killed } from '../servers/edge-processes.ts'
import type { RunningEdge } from '../servers/edge.ts'
import { startTwoWorkers } from '../servers/reloadable.ts'
import { assertExactlyOnce, recordResult, trial } from '../trial.ts'

const KILLS = { full: 5, quick: 2 }
const PAUSE_MS = 1500
const LOOK_MS = 50

/** A connection belongs to one worker: what fails must have been on one of those that the dead worker held. */
export const workerKilled: Scenario = {
  name: 'worker-killed',
  question: 'How many requests fail when a worker is killed with -9, and are they its own?',
  async run(lab) {
    const killed: Killed[] = []
    const kills = lab.quick ? KILLS.quick : KILLS.full
    const options = { name: 'worker-killed', contestant: 'edge', start: startTwoWorkers } as const
    const result = await trial(options, lab, async ({ server, wait, tell }) => {
      for (let count = 1; count <= kills; count++) {
        tell(`kill ${count} of ${kills}`)
        const victim = await killWorker(server)
        killed.push(victim)
        while (!(await isReplaced(server, victim))) await wait(LOOK_MS)
        await wait(PAUSE_MS)
      }
    })
    recordResult(lab, 'edge', result)
    const owned = new Set(killed.flatMap((one) => [...one.owned]))
    const foreign = unexpected(result.report, ({ port, what }) => what === 'refusedStream' || owned.has(port))
    const figure = { name: 'on connections of other workers', unit: 'requests' } as const
    lab.record('edge', figure, { figure: foreign.length })
    lab.note(`edge: the killed workers held ${owned.size} connections`)
    assertExactlyOnce(result)
    const [first] = foreign
    if (first !== undefined) throw new Error(`${foreign.length} of another worker: ${describeIncident(first)}`)
  },
}

async function isReplaced(edge: Pick<RunningEdge, 'admin'>, { id, pid }: Killed): Promise<boolean> {
  const processes = await processesOf(edge)
  return processes.some((one) => one.id === id && one.pid !== pid && one.state === 'running')
}
