import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../commands/run-edge.ts'
import { cannotThrowAway, runThrowAway } from './throw-away.ts'

const scenario = join(import.meta.dirname, 'openresty/scenario.sh')
const page = join(root, 'docs/migrate-from-openresty.md')

await t.test('the page that leads from OpenResty to the edge and back', { skip: cannotThrowAway }, async (t) => {
  const { code, stdout, stderr } = await runThrowAway(t, [scenario, root, page], {
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
  })
  t.equal(code, 0, `${stdout}\n${stderr}`)
  // Whatever the scenario calls passed is there, in this order.
  const expected = readFileSync(scenario, 'utf8').matchAll(/passed '([^']+)'/g)
  const passed = [...stdout.matchAll(/^passed: (.+)$/gm)].map(([, what]) => what)
  t.same(
    passed,
    [...expected].map(([, what]) => what),
    stdout,
  )
})
