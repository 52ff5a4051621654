import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Contestant } from '../servers/server.ts'
import { ratioIn, ratioToNginx, type Spread } from './ratios.ts'
import type { Results } from './results.ts'
import { renderScenario } from './table.ts'

const require = createRequire(import.meta.url)

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
pre{font-size:12px;overflow-x:auto;background:#f6f6f6;padding:.5rem 1rem}h1{font-size:1.6rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}dd{margin:0}`

/** A report in one file that needs nothing else: charts, all figures, and how they came about. */
export function renderReport(results: Results, last: Results | undefined): string {
  const charts = readFileSync(join(dirname(require.resolve('chart.js')), 'chart.umd.min.js'), 'utf8')
  const page = readFileSync(join(import.meta.dirname, 'page.js'), 'utf8')
  const report = { ratios: ratiosOf(results), changes: changesOf(results, last) }
  const comparison =
    report.changes.labels.length === 0
      ? ''
      : `<h2>Against ${escape(last?.startedAt ?? '')} (${escape(last?.commit ?? 'unknown commit')})</h2><div><canvas id="changes"></canvas></div>`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>blot-edge benchmarks ${escape(results.startedAt)}</title><style>${STYLE}</style>
<h1>The edge beside NGINX and Caddy</h1>
<p>CPU time of each server's processes for one request, as a multiple of NGINX's in the same run; one core each. Lower is better;
1 is NGINX. Lines show the spread over the turns. Requests per second and latencies below are context: they depend on the machine
and its load.</p>
${describe(results)}
<div><canvas id="ratios"></canvas></div>
${comparison}
<h2>All figures</h2>
<pre>${escape(results.scenarios.map((scenario) => renderScenario(scenario, last)).join(''))}</pre>
<script>${charts}</script>
<script>globalThis.report = ${JSON.stringify(report).replaceAll('<', String.raw`\u003c`)}</script>
<script>${page}</script>
</html>
`
}

function describe(results: Results): string {
  const { machine, versions, commit, startedAt, mode, rounds, seconds } = results
  const facts = {
    Run: `${startedAt}, ${mode}: ${rounds} turns of ${seconds} s each`,
    Commit: commit ?? 'unknown',
    Machine: `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}`,
    Versions: Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  }
  const lines = Object.entries(facts).map(([name, value]) => `<dt>${name}</dt><dd>${escape(value)}</dd>`)
  return `<dl>${lines.join('')}</dl>`
}

function ratiosOf(results: Results) {
  const compared = results.scenarios.filter(({ failure, rows }) => failure === undefined && rows.length > 1)
  const spreads = (contestant: Contestant): (Spread | undefined)[] =>
    compared.map((scenario) => {
      const row = scenario.rows.find((known) => known.contestant === contestant)
      return row && ratioToNginx(row, scenario)
    })
  const edge = spreads('edge')
  const caddy = spreads('caddy')
  return {
    labels: compared.map(({ name }) => name),
    edge: edge.map((spread) => spread?.median ?? null),
    caddy: caddy.map((spread) => spread?.median ?? null),
    edgeRanges: edge.map(rangeOf),
    caddyRanges: caddy.map(rangeOf),
  }
}

function rangeOf(spread: Spread | undefined): [number, number] | null {
  return spread === undefined ? null : [spread.low, spread.high]
}

function changesOf(results: Results, last: Results | undefined) {
  const changes = results.scenarios.flatMap((scenario) => {
    const row = scenario.rows.find(({ contestant }) => contestant === 'edge')
    const now = row && ratioToNginx(row, scenario)
    const before = row && ratioIn(last, scenario.name, row)
    return now && before
      ? [{ name: scenario.name, percent: Math.round((now.median / before.median - 1) * 1000) / 10 }]
      : []
  })
  return { labels: changes.map(({ name }) => name), percent: changes.map(({ percent }) => percent) }
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
