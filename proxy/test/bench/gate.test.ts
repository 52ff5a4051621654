import t from 'tap'
import { findRegressions } from '../../bench/report/gate.ts'
import { results, row, scenario } from './results.ts'

function run(edge: readonly number[], failure?: string) {
  const nginx = edge.map(() => 10)
  return results([scenario('memory-hit', [row('edge', edge), row('nginx', nginx)], failure)])
}

const reference = run([20, 21, 22])

await t.test('names what is slower than the reference beyond the spread of both', async (t) => {
  const [regression, ...others] = findRegressions(run([26, 27, 28]), reference)
  t.strictSame(others, [])
  t.match(regression, {
    scenario: 'memory-hit',
    measure: 'CPU per request',
    now: { low: 2.6 },
    reference: { high: 2.2 },
  })
})

await t.test('is silent about what may be chance, and about what became faster', async (t) => {
  t.strictSame(findRegressions(run([22, 27, 28]), reference), [], 'one turn was as fast as then')
  t.strictSame(findRegressions(run([23, 23, 23]), reference), [], 'a twentieth is chance')
  t.strictSame(findRegressions(run([10, 11, 12]), reference), [])
})

await t.test('does not judge what failed, what is new, and what has no ratio', async (t) => {
  t.strictSame(findRegressions(run([99, 99, 99], 'met errors'), reference), [])
  t.strictSame(findRegressions(results([scenario('new', [row('edge', [9]), row('nginx', [1])])]), reference), [])
  const alone = (figure: number) => results([scenario('startup', [row('edge', [figure])])])
  t.strictSame(findRegressions(alone(9000), alone(10)), [])
})
