import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { variableNames } from '../../src/config/variables.ts'
import { rowOf } from './rows.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8')

await t.test('docs/configuration.md has a row for every variable, and it says what the code does', async (t) => {
  for (const name of variableNames) t.ok(page.includes(`\n${rowOf(name)}\n`), rowOf(name))
})

await t.test('docs/configuration.md names no variable that there is not', async (t) => {
  const known: readonly string[] = variableNames
  t.strictSame(
    [...page.matchAll(/\bEDGE_[A-Z_]+[A-Z]/g)].map(([name]) => name).filter((name) => !known.includes(name)),
    [],
  )
})
