import t from 'tap'
import { ageAt } from '../../../src/cache/rules/age.ts'
import { readHead } from '../../../src/cache/rules/stored-head.ts'
import { answer, date, later, NOW_MS, type Fields } from './answers.ts'

const YEAR_S = 31_536_000

await t.test('freshness lifetime (RFC 9111 4.2.1)', async (t) => {
  const rows: [name: string, fields: Fields, seconds: number][] = [
    ['max-age', { 'Cache-Control': 'max-age=60' }, 60],
    ['s-maxage before max-age', { 'Cache-Control': 'max-age=60, s-maxage=10' }, 10],
    ['s-maxage longer', { 'Cache-Control': 's-maxage=100, max-age=0' }, 100],
    ['max-age before Expires', { 'Cache-Control': 'max-age=60', Expires: date(-10) }, 60],
    ['max-age=0 before Expires', { 'Cache-Control': 'max-age=0', Expires: date(100) }, 0],
    ['malformed max-age is stale, whatever Expires says', { 'Cache-Control': 'max-age=x', Expires: date(100) }, 0],
    ['malformed s-maxage is stale, whatever max-age says', { 'Cache-Control': 's-maxage=-1, max-age=60' }, 0],
    ['Expires', { Expires: date(90) }, 90],
    ['Expires against Date, not the clock', { Date: date(-50), Expires: date(50) }, 100],
    ['Expires before Date', { Expires: date(-1) }, 0],
    ['Expires: 0', { Expires: '0' }, 0],
    ['Expires in the form of RFC 850', { Expires: 'Sunday, 08-Nov-26 12:01:00 GMT' }, 60],
    ['Expires in the form of asctime', { Expires: 'Sun Nov  8 12:01:00 2026' }, 60],
    ['Expires of another zone is no date', { Expires: 'Sun, 08 Nov 2026 13:00:00 CET' }, 0],
    ['the first of two Expires', { Expires: [date(30), date(60)] }, 30],
    ['invalid Date: when it arrived', { Date: 'yesterday', Expires: date(40) }, 40],
    ['an extension changes nothing', { 'Cache-Control': 'max-age=60, frob="no-store"' }, 60],
    ['a tenth of the time since the last change', { 'Last-Modified': date(-1000) }, 100],
    ['never more than a day by guess', { 'Last-Modified': date(-10 * YEAR_S) }, 86_400],
    ['changed after it was sent', { 'Last-Modified': date(10) }, 0],
    ['nothing to guess from', {}, 0],
    ['no guess beside a malformed Expires', { Expires: 'soon', 'Last-Modified': date(-1000) }, 0],
    ['targeted', { 'CDN-Cache-Control': 'max-age=5', 'Cache-Control': 'max-age=60' }, 5],
    ['targeted: Expires is for others', { 'CDN-Cache-Control': 'public', Expires: date(60) }, 0],
  ]
  for (const [name, fields, seconds] of rows) t.equal(answer(fields).lifetimeS, seconds, name)
})

await t.test(
  'a guess is for the statuses that allow one, or with public (RFC 9111 4.2.2, RFC 9110 15.1)',
  async (t) => {
    const fields = { 'Last-Modified': date(-1000) }
    for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501]) {
      t.equal(answer(fields, status).lifetimeS, 100, String(status))
    }
    for (const status of [201, 202, 299, 302, 303, 307, 400, 403, 418, 500, 503, 599]) {
      t.equal(answer(fields, status).lifetimeS, 0, String(status))
      const seconds = status === 500 || status === 503 ? 60 : 100
      t.equal(answer({ ...fields, 'Cache-Control': 'public' }, status).lifetimeS, seconds, `${status} with public`)
    }
  },
)

await t.test('an app in trouble is believed for a minute', async (t) => {
  for (const status of [500, 502, 503, 504]) {
    t.equal(answer({ 'Cache-Control': 'max-age=3600' }, status).lifetimeS, 60, String(status))
    t.equal(answer({ 'Cache-Control': 'max-age=5' }, status).lifetimeS, 5, String(status))
  }
  t.equal(answer({ 'Cache-Control': 'max-age=3600' }, 599).lifetimeS, 3600)
})

await t.test('kept until purged, where the operator says so and the app says nothing', async (t) => {
  const options = { untilPurged: true }
  for (const status of [200, 301, 302, 400, 404]) t.equal(answer({}, status, options).lifetimeS, YEAR_S, String(status))
  t.equal(answer({}, 303, options).lifetimeS, 0)
  t.equal(answer({ 'Cache-Control': 'max-age=5' }, 200, options).lifetimeS, 5)
  t.equal(answer({ 'Cache-Control': 'no-cache' }, 200, options).lifetimeS, 0)
  t.equal(answer({ Expires: date(-5) }, 200, options).lifetimeS, 0)
})

await t.test('age (RFC 9111 4.2.3)', async (t) => {
  const rows: [name: string, fields: Fields, delayS: number, laterS: number, ageS: number][] = [
    ['new', {}, 0, 0, 0],
    ['in this cache', {}, 0, 7, 7],
    ['in caches before', { Age: '30' }, 0, 7, 37],
    ['on the way', { Age: '30' }, 2, 0, 32],
    ['by its date', { Date: date(-50) }, 0, 0, 50],
    ['the larger of both', { Date: date(-50), Age: '60' }, 0, 1, 61],
    ['dated in the future', { Date: date(50), Age: '3' }, 0, 0, 3],
    ['without a date', { Date: 'now' }, 0, 4, 4],
    ['the first member counts', { Age: '5, 90' }, 0, 0, 5],
    ['the first line counts', { Age: ['5', '90'] }, 0, 0, 5],
    ['what is no number is ignored', { Age: 'old' }, 0, 0, 0],
    ['a negative one too', { Age: '-7' }, 0, 0, 0],
    ['a fraction too', { Age: '7.5' }, 0, 0, 0],
    ['huge', { Age: '99999999999999' }, 0, 0, 2 ** 31],
    ['a clock that was set back', {}, 0, -100, 0],
  ]
  for (const [name, fields, delayS, laterS, ageS] of rows) {
    const head = readHead({ ...answer(fields), requestedMs: NOW_MS - delayS * 1000 })
    t.equal(ageAt(head, later(laterS)), ageS, name)
  }
})
