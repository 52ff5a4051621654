import t from 'tap'
import { judge, mayStandIn, type Reuse } from '../../../src/cache/rules/reuse.ts'
import { answer, later, request } from './answers.ts'

await t.test('may it be sent without asking (RFC 9111 4, 5.2.1; RFC 5861 3)', async (t) => {
  const rows: [stored: string, asked: string, ageS: number, expected: Reuse][] = [
    ['max-age=60', '', 59, 'fresh'],
    ['max-age=60', '', 60, 'validate'],
    ['max-age=60, no-cache', '', 0, 'validate'],
    ['max-age=60, no-cache="x-a"', '', 0, 'fresh'],
    ['max-age=60', 'no-cache', 0, 'validate'],
    ['max-age=60', 'no-store', 0, 'fresh'],
    ['max-age=60', 'only-if-cached', 0, 'fresh'],
    ['max-age=60', 'max-age=10', 10, 'fresh'],
    ['max-age=60', 'max-age=10', 11, 'validate'],
    ['max-age=60', 'max-age=0', 0, 'fresh'],
    ['max-age=60', 'max-age=x', 1, 'validate'],
    ['max-age=60', 'min-fresh=20', 40, 'fresh'],
    ['max-age=60', 'min-fresh=20', 41, 'validate'],
    ['max-age=60', 'min-fresh=x', 0, 'validate'],
    ['max-age=60', 'max-stale', 9999, 'stale'],
    ['max-age=60', 'max-stale=5', 65, 'stale'],
    ['max-age=60', 'max-stale=5', 66, 'validate'],
    ['max-age=60', 'max-stale=x', 61, 'validate'],
    ['max-age=60', 'max-stale=5, max-age=62', 63, 'validate'],
    ['max-age=60, must-revalidate', 'max-stale', 61, 'validate'],
    ['max-age=60, proxy-revalidate', 'max-stale', 61, 'validate'],
    ['s-maxage=60', 'max-stale', 61, 'validate'],
    ['max-age=60, must-revalidate', '', 59, 'fresh'],
    ['max-age=60, stale-while-revalidate=30', '', 89, 'revalidating'],
    ['max-age=60, stale-while-revalidate=30', '', 90, 'validate'],
    ['max-age=60, stale-while-revalidate=30', 'max-age=70', 80, 'validate'],
    ['max-age=60, stale-while-revalidate=30', 'min-fresh=1', 80, 'validate'],
    ['max-age=60, stale-while-revalidate=x', '', 61, 'validate'],
    ['max-age=60, stale-while-revalidate=30, must-revalidate', '', 61, 'validate'],
    ['max-age=60, stale-while-revalidate=30, proxy-revalidate', '', 61, 'validate'],
    ['s-maxage=60, stale-while-revalidate=30', '', 61, 'revalidating'],
  ]
  // A clock that was set back: by what NTP corrects, and by more.
  rows.push(
    ['max-age=60', '', -4, 'fresh'],
    ['max-age=60', '', -6, 'validate'],
    ['max-age=60', 'max-stale=5', -86_400, 'stale'],
    ['max-age=60, stale-while-revalidate=30', '', -86_400, 'revalidating'],
  )
  for (const [stored, asked, ageS, expected] of rows) {
    const found = judge(
      answer({ 'Cache-Control': stored }),
      request(asked === '' ? {} : { 'cache-control': asked }),
      later(ageS),
    )
    t.equal(found, expected, `${stored} | ${asked} | ${ageS} s`)
  }
})

await t.test('Pragma counts where there is no Cache-Control (RFC 9111 5.4)', async (t) => {
  const stored = answer({ 'Cache-Control': 'max-age=60' })
  t.equal(judge(stored, request({ pragma: 'no-cache' }), later(0)), 'validate')
  t.equal(judge(stored, request({ pragma: 'foo' }), later(0)), 'fresh')
  t.equal(judge(stored, request({ pragma: 'no-cache', 'cache-control': 'max-age=9' }), later(0)), 'fresh')
})

await t.test('may it stand in for an app that is away or in trouble (RFC 9111 4.2.4, RFC 5861 4)', async (t) => {
  const DAY_S = 86_400
  const rows: [stored: string, asked: string, ageS: number, expected: boolean][] = [
    ['max-age=60', '', 61, true],
    ['max-age=60', '', 60 + DAY_S, true],
    ['max-age=60', '', 61 + DAY_S, false],
    ['max-age=60, stale-if-error=10', '', 70, true],
    ['max-age=60, stale-if-error=10', '', 71, false],
    ['max-age=60, stale-if-error=0', '', 61, false],
    ['max-age=60', 'stale-if-error=10', 71, false],
    ['max-age=60', 'max-age=65', 66, false],
    ['max-age=60', 'no-cache', 1, false],
    ['max-age=60, must-revalidate, stale-if-error=99', '', 61, false],
    ['max-age=60, proxy-revalidate', '', 61, false],
    ['max-age=60, no-cache', '', 1, false],
    ['s-maxage=60', '', 61, false],
    ['s-maxage=60, stale-if-error=99', '', 61, true],
  ]
  for (const [stored, asked, ageS, expected] of rows) {
    const found = mayStandIn(
      answer({ 'Cache-Control': stored }),
      request(asked === '' ? {} : { 'cache-control': asked }),
      later(ageS),
    )
    t.equal(found, expected, `${stored} | ${asked} | ${ageS} s`)
  }
})

await t.test('an error is sent while it is fresh, and then never: not meanwhile, not instead', async (t) => {
  const stored = answer({ 'Cache-Control': 'max-age=60, stale-while-revalidate=99, stale-if-error=99' }, 503)
  t.equal(judge(stored, request(), later(59)), 'fresh')
  t.equal(judge(stored, request(), later(60)), 'validate')
  t.equal(judge(stored, request({ 'cache-control': 'max-stale' }), later(60)), 'validate')
  t.notOk(mayStandIn(stored, request(), later(60)))
})
