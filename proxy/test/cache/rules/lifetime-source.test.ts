import t from 'tap'
import { staleWindowsOf } from '../../../src/cache/rules/reuse.ts'
import type { LifetimeSource } from '../../../src/cache/rules/freshness.ts'
import { answer, date, type Fields } from './answers.ts'

await t.test('who says how long an answer is fresh', async (t) => {
  const rows: [fields: Fields, source: LifetimeSource][] = [
    [{ 'Cache-Control': 'max-age=60, s-maxage=10', Expires: date(5) }, 's-maxage'],
    [{ 'Cache-Control': 'max-age=60', Expires: date(5) }, 'max-age'],
    [{ 'Cache-Control': 'max-age=x', Expires: date(5) }, 'max-age'],
    [{ 'CDN-Cache-Control': 'max-age=5', 'Cache-Control': 's-maxage=60' }, 'max-age'],
    [{ Expires: date(5) }, 'expires'],
    [{ 'Last-Modified': date(-1000) }, 'last-modified'],
    [{}, 'nothing'],
  ]
  for (const [fields, source] of rows) t.equal(answer(fields).lifetimeFrom, source, JSON.stringify(fields))
  t.equal(answer({}, 200, { untilPurged: true }).lifetimeFrom, 'until purged')
})

await t.test('for how long after its time an answer may be sent', async (t) => {
  const DAY_S = 86_400
  const rows: [stored: string, whileRevalidatingS: number, ifErrorS: number][] = [
    ['max-age=60', 0, DAY_S],
    ['max-age=60, stale-while-revalidate=30, stale-if-error=40', 30, 40],
    ['s-maxage=60, stale-while-revalidate=30', 30, 0],
    ['s-maxage=60, stale-if-error=40', 0, 40],
    ['max-age=60, stale-while-revalidate=30, must-revalidate', 0, 0],
    ['max-age=60, stale-if-error=40, proxy-revalidate', 0, 0],
    ['max-age=60, stale-if-error=40, no-cache', 0, 0],
    ['max-age=60, stale-while-revalidate=x, stale-if-error=x', 0, 0],
  ]
  for (const [stored, whileRevalidatingS, ifErrorS] of rows) {
    t.same(staleWindowsOf(answer({ 'Cache-Control': stored })), { whileRevalidatingS, ifErrorS }, stored)
  }
})
