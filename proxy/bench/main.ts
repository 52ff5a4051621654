import { parseArgs } from 'node:util'
import type { Report, Scenario } from './scenario.ts'
import { names } from './scenarios/names.ts'
import { startup } from './scenarios/startup.ts'

/** `npm run bench [-- NAME…]`: runs the scenarios, all of them by default, and prints a table. */
const SCENARIOS: readonly Scenario[] = [startup, names]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
})
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
if (values.help === true || unknown.length > 0) {
  const out = unknown.length > 0 ? process.stderr : process.stdout
  for (const name of unknown) out.write(`there is no scenario ${name}\n`)
  out.write('npm run bench [-- NAME…]\n\n')
  for (const { name, question } of SCENARIOS) out.write(`  ${name.padEnd(12)} ${question}\n`)
  process.exit(unknown.length > 0 ? 2 : 0)
}

for (const scenario of SCENARIOS) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue
  process.stdout.write(`\n${scenario.name}: ${scenario.question}\n`)
  const { report, print } = createReport()
  await scenario.run(report)
  print()
}

function createReport(): { report: Report; print(): void } {
  const samples = new Map<string, { unit: string; values: number[] }>()
  return {
    report: {
      sample(name, value, unit) {
        const row = samples.get(name) ?? { unit, values: [] }
        row.values.push(value)
        samples.set(name, row)
      },
    },
    print() {
      for (const [name, row] of samples) {
        const sorted = row.values.toSorted((left, right) => left - right)
        const median = sorted[Math.floor(sorted.length / 2)] ?? NaN
        const spread =
          sorted.length > 1 ? `  (${format(sorted[0])} to ${format(sorted.at(-1))}, ${sorted.length} runs)` : ''
        process.stdout.write(`  ${name.padEnd(36)} ${format(median)} ${row.unit}${spread}\n`)
      }
    },
  }
}

function format(value: number | undefined): string {
  return value === undefined ? '-' : value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 })
}
