import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FULL, QUICK } from './lab.ts'
import { installMissing } from './machine/packages.ts'
import { readLast, replaceAll, writeFile } from './report/files.ts'
import { findRegressions } from './report/gate.ts'
import { replaceTable } from './report/markdown.ts'
import type { Results } from './report/results.ts'
import { formatRatio } from './report/table.ts'
import { runAll } from './run.ts'
import { choose, SCENARIOS } from './scenarios/index.ts'
import { ROOT } from './servers/edge.ts'

/** `npm run bench`: how does the edge compare with what people would otherwise put there, on this machine, now? */

const REFERENCE = join(import.meta.dirname, 'results')
const USAGE = `npm run bench [-- [--quick] [--gate] [--reference] NAME…]

Without a name all scenarios run; a name may end in * for all that begin so.

  --quick      one short turn each, all in less than five minutes
  --gate       exit 1 where the edge is slower than in the reference
  --reference  make this run the reference, and its table that of docs/performance.md

`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    reference: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
process.exit(values.help ? help() : await bench())

function help(): number {
  process.stdout.write(USAGE)
  for (const { name, question } of SCENARIOS) process.stdout.write(`  ${name.padEnd(24)} ${question}\n`)
  return 0
}

async function bench(): Promise<number> {
  const { scenarios, unknown } = choose(positionals)
  for (const name of unknown) process.stderr.write(`there is no scenario ${name}: see npm run bench -- --help\n`)
  if (unknown.length > 0) return 2
  const mend = installMissing()
  if (mend !== undefined) {
    process.stderr.write(`the benchmarks need other programs; as root: ${mend}\n`)
    return 2
  }
  const reference = readLast(REFERENCE)
  const { results, interrupted } = await runAll(scenarios, values.quick ? QUICK : FULL, reference)
  if (interrupted) return 130
  const failed = results.scenarios.some(({ failure }) => failure !== undefined)
  if (values.reference && !failed) keepReference(results)
  const isSlower = values.gate && judge(results, reference)
  return failed || isSlower ? 1 : 0
}

/** @returns whether the edge has become slower anywhere, and says where. */
function judge(results: Results, reference: Results | undefined): boolean {
  if (reference === undefined) {
    process.stderr.write('gate: there is no reference to compare with\n')
    return true
  }
  if (reference.mode !== results.mode) {
    process.stderr.write(
      `gate: the reference is of a ${reference.mode} run, which no ${results.mode} run compares with\n`,
    )
    return true
  }
  const regressions = findRegressions(results, reference)
  for (const { scenario, measure, now, reference: before } of regressions) {
    const ratios = `${formatRatio(now.median)} times NGINX, ${formatRatio(before.median)} in the reference`
    process.stderr.write(`gate: ${scenario}, ${measure}: ${ratios}\n`)
  }
  if (regressions.length === 0) process.stdout.write(`gate: nowhere slower than on ${reference.startedAt}\n`)
  return regressions.length > 0
}

function keepReference(results: Results): void {
  const docs = join(ROOT, 'docs')
  const page = readFileSync(join(docs, 'performance.md'), 'utf8')
  writeFile(docs, 'performance.md', replaceTable(page, results))
  process.stdout.write(`reference: ${replaceAll(REFERENCE, results)}\n`)
}
