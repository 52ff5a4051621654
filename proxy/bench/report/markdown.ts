import { figuresOf, ratioToNginx } from './ratios.ts'
import type { Results, Row, ScenarioResult } from './results.ts'
import { formatNumber, formatRatio } from './table.ts'

const BEGIN = '<!-- reference -->'
const END = '<!-- end of reference -->'

/** Puts the table of a run between the two marks of a page. @throws when the page has no marks. */
export function replaceTable(page: string, results: Results): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`the page has no ${BEGIN} … ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${renderMarkdown(results)}\n${page.slice(end)}`
}

function renderMarkdown(results: Results): string {
  const { machine, versions, mode, rounds, seconds } = results
  const head =
    `${results.startedAt.slice(0, 10)}, commit ${results.commit ?? 'unknown'}, ${machine.cpu}, ${machine.system}; ` +
    `nginx ${versions['nginx']}, caddy ${versions['caddy']}, Node.js ${versions['node']}; ${mode} run, ${rounds} × ${seconds} s.\n\n`
  const lines = results.scenarios
    .filter(({ failure }) => failure === undefined)
    .flatMap((scenario) => measuresOf(scenario).map((measure) => renderLine(scenario, measure)))
  const table = [
    '| scenario | figure | edge | NGINX | Caddy | edge to NGINX | Caddy to NGINX | load |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ]
  return `${head}${table.join('\n')}\n`
}

function measuresOf({ rows }: ScenarioResult): string[] {
  return [...new Set(rows.map(({ measure }) => measure.name))]
}

function renderLine(scenario: ScenarioResult, measure: string): string {
  const rowOf = (contestant: Row['contestant']): Row | undefined =>
    scenario.rows.find((row) => row.contestant === contestant && row.measure.name === measure)
  const figure = (contestant: Row['contestant']): string => {
    const row = rowOf(contestant)
    return row === undefined ? '' : formatNumber(figuresOf(row).median)
  }
  const ratio = (contestant: Row['contestant']): string => {
    const row = rowOf(contestant)
    const spread = row && ratioToNginx(row, scenario)
    if (spread === undefined) return ''
    const range = spread.low === spread.high ? '' : ` (${formatRatio(spread.low)}-${formatRatio(spread.high)})`
    return formatRatio(spread.median) + range
  }
  const unit = rowOf('edge')?.measure.unit ?? ''
  const cells = [
    `\`${scenario.name}\``,
    unit === '' ? measure : `${measure}, ${unit}`,
    figure('edge'),
    figure('nginx'),
    figure('caddy'),
    ratio('edge'),
    ratio('caddy'),
    scenario.tool ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}
