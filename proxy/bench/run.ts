import { join } from 'node:path'
import { openBench, type Pace } from './lab.ts'
import { describeSurroundings } from './machine/describe.ts'
import { createProgress } from './progress.ts'
import { nameOf, readLast, writeFile } from './report/files.ts'
import { renderReport } from './report/html.ts'
import type { Results } from './report/results.ts'
import { renderScenario } from './report/table.ts'
import type { Scenario } from './scenario.ts'
import { ROOT } from './servers/edge.ts'

/** Where runs are kept, as JSON and as a report. */
const RUNS = join(ROOT, 'data/bench')

/**
 * Runs scenarios one after the other, prints and keeps what they found. Ctrl-C ends it and leaves what there is; a second
 * one ends it at once.
 * @param reference compared with while there is no earlier run here.
 */
export async function runAll(
  scenarios: readonly Scenario[],
  pace: Pace,
  reference: Results | undefined,
): Promise<{ results: Results; interrupted: boolean }> {
  const { quick, rounds, seconds } = pace
  const mode = quick ? 'quick' : 'full'
  const startedAt = new Date().toISOString()
  const results: Results = { startedAt, mode, rounds, seconds, ...describeSurroundings(ROOT), scenarios: [] }
  const last = readLast(RUNS) ?? reference
  const interruption = listenForInterrupt()
  const progress = createProgress(process.stderr, scenarios.length)
  const bench = openBench(pace, interruption.signal, progress)
  try {
    for (const scenario of scenarios) {
      progress.begin(scenario.name)
      const result = await bench.run(scenario)
      progress.end()
      process.stdout.write(renderScenario(result, last))
      results.scenarios.push(result)
      keep(results, last)
    }
  } catch (error) {
    progress.end()
    if (!interruption.signal.aborted) throw error
  } finally {
    interruption.stop()
    await bench.close()
  }
  if (results.scenarios.length > 0) process.stdout.write(`\nreport: ${keep(results, last)}\n`)
  return { results, interrupted: interruption.signal.aborted }
}

/** After each scenario, so that nothing is lost. @returns the report. */
function keep(results: Results, last: Results | undefined): string {
  const name = nameOf(results)
  writeFile(RUNS, `${name}.json`, `${JSON.stringify(results, null, 1)}\n`)
  return writeFile(RUNS, `${name}.html`, renderReport(results, last))
}

function listenForInterrupt(): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  function onInterrupt(): void {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', onInterrupt)
  return { signal: controller.signal, stop: () => process.off('SIGINT', onInterrupt) }
}
