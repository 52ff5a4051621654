import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { timeLeft } from '../../bench/progress.ts'
import { nameOf, readLast, replaceAll, writeFile } from '../../bench/report/files.ts'
import { renderReport } from '../../bench/report/html.ts'
import { replaceTable } from '../../bench/report/markdown.ts'
import { recordInto } from '../../bench/report/results.ts'
import { renderScenario } from '../../bench/report/table.ts'
import { choose, SCENARIOS } from '../../bench/scenarios/index.ts'
import { CPU, results, row, scenario } from './results.ts'

const run = results([scenario('memory-hit', [row('edge', [20, 22]), row('nginx', [10, 10]), row('caddy', [50, 60])])])

await t.test('the newest run is the last one, except the one that is being made', async (t) => {
  const folder = join(t.testdir({}), 'runs')
  t.equal(readLast(folder), undefined)
  const older = results([], '2025-12-31T23:59:59.000Z')
  for (const one of [older, run]) writeFile(folder, `${nameOf(one)}.json`, JSON.stringify(one))
  t.equal(readLast(folder)?.startedAt, run.startedAt)
  replaceAll(folder, older)
  t.strictSame(readdirSync(folder), ['2025-12-31T23-59-59-full.json'], 'there is one reference')
})

await t.test('a stronger load begins anew', async (t) => {
  const result = scenario('range', [])
  const { record, restart } = recordInto(result)
  restart('autocannon')
  record('edge', CPU, { figure: 1 })
  restart('h2load')
  record('edge', CPU, { figure: 2 })
  record('edge', CPU, { figure: 3 })
  t.match(result, { tool: 'h2load', rows: [{ contestant: 'edge', samples: [{ figure: 2 }, { figure: 3 }] }] })
})

await t.test('the terminal shows figure, ratio, spread, and what was before', async (t) => {
  const [first] = run.scenarios
  if (first === undefined) throw new Error('no scenario')
  const text = renderScenario(first, results([scenario('memory-hit', [row('edge', [30]), row('nginx', [10])])]))
  t.match(text, /^ {2}edge: CPU per request +21 µs +2\.10 +2\.00-2\.20 +3\.00$/m)
  t.match(text, /^ {2}caddy: CPU per request +55 µs +5\.50 +5\.00-6\.00$/m)
  t.match(renderScenario({ ...first, failure: 'h2load met 3 errors' }, undefined), /FAILED: h2load met 3 errors/)
})

await t.test('figures of an idle server are marked, and so are those of a machine that was not quiet', async (t) => {
  const context = { busy: 0.5, others: 0.1, perSecond: 1, p50Ms: 1, p99Ms: 1, peakMb: 1 }
  const idle = scenario('websocket', [{ contestant: 'nginx', measure: CPU, samples: [{ figure: 1, context }] }])
  const text = renderScenario(idle, undefined)
  t.match(text, 'h2load could not keep nginx busy')
  t.match(text, "other programs took up to 10 % of the server's core")
})

await t.test('a report is one file: charts, figures, and nothing from elsewhere', async (t) => {
  const html = renderReport(run, results([scenario('memory-hit', [row('edge', [30]), row('nginx', [10])])]))
  t.match(html, '"labels":["memory-hit"],"edge":[2.1],"caddy":[5.5]')
  t.match(html, '"percent":[-30]')
  t.match(html, 'a &lt;cpu>')
  t.notMatch(html.slice(0, html.indexOf('<script>')), /(?:src|href)=/)
  t.notMatch(html, /<script /)
})

await t.test('the table of the documentation is replaced, and nothing else of it', async (t) => {
  const page = '# Performance\n\n<!-- reference -->\nold\n<!-- end of reference -->\n\nThe end.\n'
  const text = replaceTable(page, run)
  t.match(text, '| `memory-hit` | CPU per request, µs | 21 | 10 | 55 | 2.10 (2.00-2.20) | 5.50 (5.00-6.00) | h2load |')
  t.notMatch(text, 'old')
  t.equal(replaceTable(text, run), text)
  t.match(text, /^# Performance\n/)
  t.match(text, /\nThe end\.\n$/)
  t.throws(() => replaceTable('# Performance\n', run), /has no/)
})

await t.test('scenarios are chosen by name and by the beginning of names', async (t) => {
  const names = SCENARIOS.map(({ name }) => name)
  t.equal(new Set(names).size, names.length, 'no name stands for two')
  t.equal(choose([]).scenarios.length, names.length)
  t.strictSame(
    choose(['memory-hit-tls']).scenarios.map(({ name }) => name),
    ['memory-hit-tls'],
  )
  t.strictSame(
    choose(['range', 'static-1m*']).scenarios.map(({ name }) => name),
    ['range', 'static-1m', 'static-1m-tls'],
  )
  t.strictSame(choose(['rnage', 'x*']).unknown, ['rnage', 'x*'])
})

await t.test('the time left is told by the time that it took so far', async (t) => {
  t.equal(timeLeft(0, 0, 10), '')
  t.equal(timeLeft(60_000, 2, 10), ', about 4 min left')
  t.equal(timeLeft(60_000, 9, 10), ', less than a minute left')
})
