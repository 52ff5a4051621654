import t from 'tap'
import { ratioIn, ratioToNginx, spreadOf } from '../../bench/report/ratios.ts'
import { results, row, scenario } from './results.ts'

await t.test('the middle and the ends of some values', async (t) => {
  t.strictSame(spreadOf([3, 1, 2]), { median: 2, low: 1, high: 3 })
  t.strictSame(spreadOf([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4 })
  t.ok(Number.isNaN(spreadOf([]).median))
})

await t.test('a turn is compared with the turn beside it: a machine that slows down changes no ratio', async (t) => {
  const edge = row('edge', [20, 40, 80])
  const slowing = scenario('memory-hit', [edge, row('nginx', [10, 20, 40])])
  t.strictSame(ratioToNginx(edge, slowing), { median: 2, low: 2, high: 2 })
})

await t.test('there is no ratio without NGINX, of another measure, or to nothing', async (t) => {
  const edge = row('edge', [20])
  t.equal(ratioToNginx(edge, scenario('startup', [edge])), undefined)
  const memory = row('nginx', [10], { name: 'memory per connection', unit: 'KB' })
  t.equal(ratioToNginx(edge, scenario('mixed', [edge, memory])), undefined)
  t.equal(ratioToNginx(edge, scenario('nothing', [edge, row('nginx', [0])])), undefined)
})

await t.test('the same scenario of another run, unless it failed there', async (t) => {
  const edge = row('edge', [30])
  const rows = [row('edge', [20]), row('nginx', [10])]
  t.equal(ratioIn(results([scenario('range', rows)]), 'range', edge)?.median, 2)
  t.equal(ratioIn(results([scenario('range', rows)]), 'miss', edge), undefined)
  t.equal(ratioIn(results([scenario('range', rows, 'met errors')]), 'range', edge), undefined)
  t.equal(ratioIn(undefined, 'range', edge), undefined)
})
