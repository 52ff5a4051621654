import { isSaturated, type Sample } from '../scenario.ts'
import { figuresOf, ratioIn, ratioToNginx, spreadOf, type Spread } from './ratios.ts'
import type { Results, Row, ScenarioResult } from './results.ts'

/** Kernel threads and the servers that wait for their turns take a little. */
const NOISE = 0.05
const HEADINGS = ['', 'figure', 'x NGINX', 'spread', 'was', '1/s', 'p50 ms', 'p99 ms', 'busy', 'peak MB']

/** One scenario's results for a terminal. @param last an earlier run, to compare ratios with. */
export function renderScenario(scenario: ScenarioResult, last: Results | undefined): string {
  const tool = scenario.tool === undefined ? '' : `  (load: ${scenario.tool})`
  const head = `\n${scenario.name}: ${scenario.question}${tool}\n`
  if (scenario.failure !== undefined) return `${head}  FAILED: ${scenario.failure}\n`
  const lines = scenario.rows.map((row) => cellsOf(row, scenario, last))
  const notes = (scenario.notes ?? []).map((line) => `  ${line}\n`).join('')
  return head + align(withoutEmptyColumns([HEADINGS, ...lines])) + renderDoubts(scenario) + notes
}

function cellsOf(row: Row, scenario: ScenarioResult, last: Results | undefined): string[] {
  const { measure, samples, contestant } = row
  const ratio = ratioToNginx(row, scenario)
  const before = ratioIn(last, scenario.name, row)
  const context = (name: keyof NonNullable<Sample['context']>): string => {
    const values = samples.flatMap((sample) => sample.context?.[name] ?? [])
    return values.length === 0 ? '' : formatNumber(spreadOf(values).median * (name === 'busy' ? 100 : 1))
  }
  const busy = context('busy')
  return [
    `${contestant}: ${measure.name}`,
    `${formatNumber(figuresOf(row).median)} ${measure.unit}`.trim(),
    ratio === undefined ? '' : formatRatio(ratio.median),
    spreadText(ratio ?? figuresOf(row), samples.length, ratio === undefined ? formatNumber : formatRatio),
    contestant === 'nginx' || before === undefined ? '' : formatRatio(before.median),
    context('perSecond'),
    context('p50Ms'),
    context('p99Ms'),
    busy === '' ? '' : `${busy} %`,
    context('peakMb'),
  ]
}

function spreadText({ low, high }: Spread, count: number, format: (value: number) => string): string {
  return count < 2 || low === high ? '' : `${format(low)}-${format(high)}`
}

/** Says so where the load was the limit although no stronger tool is left, and where the machine was not quiet. */
function renderDoubts({ rows, tool }: ScenarioResult): string {
  const idle = rows.filter(({ samples }) => !samples.every(isSaturated)).map(({ contestant }) => contestant)
  const others = Math.max(0, ...rows.flatMap(({ samples }) => samples.map(({ context }) => context?.others ?? 0)))
  const doubts: string[] = []
  if (idle.length > 0) doubts.push(`${tool} could not keep ${idle.join(', ')} busy: 1/s are the load's own`)
  if (others > NOISE) doubts.push(`other programs took up to ${formatNumber(others * 100)} % of the server's core`)
  return doubts.map((doubt) => `  ${doubt}\n`).join('')
}

function withoutEmptyColumns([headings = [], ...lines]: readonly (readonly string[])[]): string[][] {
  const isUsed = headings.map((_, column) => lines.some((line) => line[column] !== ''))
  return [headings, ...lines].map((line) => line.filter((_, column) => isUsed[column]))
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      return `  ${cells.join('  ').trimEnd()}\n`
    })
    .join('')
}

export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '-'
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 })
}

export function formatRatio(value: number): string {
  return value.toFixed(2)
}
