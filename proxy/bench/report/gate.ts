import { ratioIn, ratioToNginx, type Spread } from './ratios.ts'
import type { Results } from './results.ts'

export type Regression = {
  readonly scenario: string
  readonly measure: string
  readonly now: Spread
  readonly reference: Spread
}

/** What single turns may differ by chance, beyond the spread of those that were made. */
const CHANCE = 0.05

/**
 * Where the edge has become slower than in the reference, measured by NGINX. Figures without a ratio (start, memory of the
 * edge alone) depend on the machine and are not judged.
 */
export function findRegressions(results: Results, reference: Results): Regression[] {
  return results.scenarios.flatMap((scenario) =>
    scenario.rows.flatMap((row) => {
      if (row.contestant !== 'edge' || scenario.failure !== undefined) return []
      const now = ratioToNginx(row, scenario)
      const before = ratioIn(reference, scenario.name, row)
      if (now === undefined || before === undefined || !isBeyond(now, before)) return []
      return [{ scenario: scenario.name, measure: row.measure.name, now, reference: before }]
    }),
  )
}

/** Even the best turn now is worse than the worst one then. */
function isBeyond(now: Spread, before: Spread): boolean {
  return now.low * (1 - CHANCE) > before.high * (1 + CHANCE)
}
