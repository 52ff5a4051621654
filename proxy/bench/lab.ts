import { prepareGrounds, type Grounds } from './grounds.ts'
import { chooseCores, moveTo, readAllowedCores, type Cores } from './machine/cores.ts'
import type { Progress } from './progress.ts'
import { recordInto, type ScenarioResult } from './report/results.ts'
import type { Lab, Scenario } from './scenario.ts'
import { CONTESTANTS } from './servers/server.ts'

/** How long things take; see docs/performance.md. */
export type Pace = {
  readonly quick: boolean
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
}

export const FULL: Pace = { quick: false, rounds: 5, seconds: 2, warmupSeconds: 2 }
export const QUICK: Pace = { quick: true, rounds: 1, seconds: 0.8, warmupSeconds: 1 }

export type Bench = {
  /** Runs one scenario; a failure is part of its result. Rejects only when the run is ended by its signal. */
  run(scenario: Scenario): Promise<ScenarioResult>
  close(): Promise<void>
}

/** What all scenarios of a run share. This process moves to the load's cores. */
export function openBench(
  pace: Pace,
  signal: AbortSignal,
  progress: Progress,
  { contestants = CONTESTANTS, environment = {} }: Partial<Pick<Lab, 'contestants' | 'environment'>> = {},
): Bench {
  const cores: Cores = chooseCores(readAllowedCores())
  moveTo(cores.load)
  let grounds: Promise<Grounds> | undefined
  const shared = { ...pace, signal, cores, contestants, environment, grounds: () => (grounds ??= prepareGrounds()) }
  return {
    async run(scenario) {
      const { name, question } = scenario
      const result: ScenarioResult = { name, question, tool: undefined, failure: undefined, rows: [] }
      const lab: Lab = { ...shared, ...recordInto(result), progress: (text) => progress.tell(text) }
      try {
        await scenario.run(lab)
      } catch (error) {
        signal.throwIfAborted()
        result.failure = error instanceof Error ? error.message : String(error)
      }
      return result
    },
    async close() {
      const made = await grounds?.catch(() => undefined)
      await made?.remove()
    },
  }
}
