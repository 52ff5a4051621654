import type { Surroundings } from '../machine/describe.ts'
import type { Measure, Sample } from '../scenario.ts'
import type { Contestant } from '../servers/server.ts'

/** All samples of one contestant for one measure, in the order in which they were taken. */
export type Row = { readonly contestant: Contestant; readonly measure: Measure; readonly samples: Sample[] }

export type ScenarioResult = {
  readonly name: string
  readonly question: string
  /** What made the load; undefined where there was none. */
  tool: string | undefined
  /** Why the figures are not to be used. */
  failure: string | undefined
  rows: Row[]
  /** What else there is to say, a line each. */
  notes?: string[]
}

/** One run: everything that its reports are made of. */
export type Results = Surroundings & {
  /** ISO 8601. */
  readonly startedAt: string
  readonly mode: 'full' | 'quick'
  readonly rounds: number
  readonly seconds: number
  readonly scenarios: ScenarioResult[]
}

/** Collects what one scenario reports. */
export function recordInto(result: ScenarioResult) {
  return {
    record(contestant: Contestant, measure: Measure, sample: Sample): void {
      const row = result.rows.find((known) => known.contestant === contestant && known.measure.name === measure.name)
      if (row === undefined) result.rows.push({ contestant, measure, samples: [sample] })
      else row.samples.push(sample)
    },
    note(line: string): void {
      result.notes = [...(result.notes ?? []), line]
    },
    restart(tool: string): void {
      result.tool = tool
      result.rows = []
    },
  }
}
