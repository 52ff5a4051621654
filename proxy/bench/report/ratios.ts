import type { Results, Row, ScenarioResult } from './results.ts'

/** The middle of some values, and how far they lie apart. */
export type Spread = { readonly median: number; readonly low: number; readonly high: number }

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN
  return { median: (lower + upper) / 2, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}

export function figuresOf(row: Row): Spread {
  return spreadOf(row.samples.map(({ figure }) => figure))
}

/**
 * A row's figures as multiples of NGINX's, turn by turn: what made one turn slower, made the turn beside it slower too.
 * @returns undefined where NGINX had no part.
 */
export function ratioToNginx(row: Row, { rows }: Pick<ScenarioResult, 'rows'>): Spread | undefined {
  const nginx = rows.find(({ contestant, measure }) => contestant === 'nginx' && measure.name === row.measure.name)
  if (nginx === undefined) return undefined
  const ratios = row.samples.flatMap(({ figure }, round) => {
    const base = nginx.samples[round]?.figure
    return base === undefined || base <= 0 ? [] : [figure / base]
  })
  return ratios.length === 0 ? undefined : spreadOf(ratios)
}

/** The ratio of the same contestant for the same measure in another run. */
export function ratioIn(results: Results | undefined, scenario: string, row: Row): Spread | undefined {
  const other = results?.scenarios.find(({ name, failure }) => name === scenario && failure === undefined)
  const same = other?.rows.find(
    ({ contestant, measure }) => contestant === row.contestant && measure.name === row.measure.name,
  )
  return other && same && ratioToNginx(same, other)
}
