import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBench, type Pace } from './lab.ts'
import { handOver } from './machine/owner.ts'
import { installMissing } from './machine/packages.ts'
import { renderFlameGraph } from './profile/flame-graph.ts'
import { callTree, cut, selfTimes, type Frame, type Profile } from './profile/profile.ts'
import { createProgress } from './progress.ts'
import { writeFile } from './report/files.ts'
import { renderScenario } from './report/table.ts'
import type { Scenario } from './scenario.ts'
import { choose } from './scenarios/index.ts'
import { ROOT } from './servers/edge.ts'

/** `npm run profile -- SCENARIO`: where the edge's worker spends its time under that scenario. */

const FOLDER = join(ROOT, 'data/bench')
const PACE: Pace = { quick: true, rounds: 1, seconds: 8, warmupSeconds: 3 }
/** Between two samples, µs. */
const INTERVAL = 250
const SHOWN = 25

const [name = ''] = process.argv.slice(2)
const { scenarios, unknown } = choose([name])
const [scenario] = scenarios
const mend = installMissing()
if (scenario === undefined || unknown.length > 0) {
  process.stderr.write('npm run profile -- SCENARIO; npm run bench -- --help lists them\n')
  process.exit(2)
} else if (mend !== undefined) {
  process.stderr.write(`profiles need other programs; as root: ${mend}\n`)
  process.exit(2)
}
await profile(scenario)
process.exit(0)

async function profile(chosen: Scenario): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'blot-edge-profile-'))
  handOver(folder)
  try {
    const during = await runProfiled(chosen, folder)
    const worker = cut(readBusiest(folder, during), during.fromMicros, during.toMicros)
    const tree = callTree(worker)
    printTop(tree)
    mkdirSync(FOLDER, { recursive: true })
    const raw = writeFile(FOLDER, `profile-${chosen.name}.cpuprofile`, JSON.stringify(worker))
    const title = `The edge's worker under ${chosen.name}`
    const graph = writeFile(FOLDER, `profile-${chosen.name}.html`, renderFlameGraph(tree, title))
    process.stdout.write(`\nprofile: ${raw}\nflame graph: ${graph}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Period = { fromMicros: number; toMicros: number }

/** Runs the scenario with the edge alone; each of its processes writes its profile when it ends. @returns when the load was. */
async function runProfiled(chosen: Scenario, folder: string): Promise<Period> {
  const options = `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-interval=${INTERVAL}`
  const progress = createProgress(process.stderr, 1)
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  const bench = openBench(PACE, controller.signal, progress, {
    contestants: ['edge'],
    environment: { NODE_OPTIONS: options },
  })
  try {
    progress.begin(chosen.name)
    const result = await bench.run(chosen)
    progress.end()
    process.stdout.write(renderScenario(result, undefined))
    if (result.failure !== undefined) throw new Error(result.failure)
    const period = result.rows[0]?.samples[0]?.during
    if (period === undefined) throw new Error(`${chosen.name} makes no load that could be profiled`)
    return period
  } finally {
    await bench.close()
  }
}

/** The process that had most to do: of primary, manager and worker, the worker. */
function readBusiest(folder: string, { fromMicros, toMicros }: Period): Profile {
  const profiles = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile)
  const busy = (one: Profile): number => callTree(cut(one, fromMicros, toMicros)).totalMicros
  const [busiest] = profiles.toSorted((left, right) => busy(right) - busy(left))
  if (busiest === undefined) throw new Error('no process of the edge wrote a profile')
  return busiest
}

function printTop(tree: Frame): void {
  process.stdout.write('\n  own time of functions\n')
  for (const { name: called, place, micros } of selfTimes(tree).slice(0, SHOWN)) {
    const share = ((micros / tree.totalMicros) * 100).toFixed(1)
    process.stdout.write(`  ${share.padStart(5)} %  ${called} ${place}\n`)
  }
}
