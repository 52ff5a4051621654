import t from 'tap'
import { parseHttpDate } from '../../src/cache/http-date.ts'

const NOW = Date.UTC(2026, 10, 23)
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37)

await t.test('the three forms of an HTTP-date', async (t) => {
  const table: [string, number][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
    ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE],
    ['Sun Nov  6 08:49:37 1994', EXAMPLE],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Saturday, 01-Jan-00 00:00:00 GMT', Date.UTC(2000, 0, 1)],
    // Fifty years ahead is the future, fifty-one the past.
    ['Sunday, 01-Nov-76 00:00:00 GMT', Date.UTC(2076, 10, 1)],
    ['Sunday, 01-Nov-77 00:00:00 GMT', Date.UTC(1977, 10, 1)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    // RFC 9111 4.2: a cache does not mind the case.
    ['sun, 06 NOV 1994 08:49:37 gmt', EXAMPLE],
    ['SUNDAY, 06-nov-94 08:49:37 Gmt', EXAMPLE],
    ['SUN NOV  6 08:49:37 1994', EXAMPLE],
  ]
  for (const [text, ms] of table) t.equal(parseHttpDate(text, NOW), ms, text)
})

await t.test('what Date.parse would accept is no HTTP-date', async (t) => {
  const wrong = [
    '',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Wed, 30 Feb 2022 00:00:00 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ]
  for (const text of wrong) t.equal(parseHttpDate(text, NOW), undefined, text)
})
