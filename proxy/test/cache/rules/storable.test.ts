import t from 'tap'
import type { IncomingHttpHeaders } from 'node:http'
import { storedFields, whyNotKept, whyNotStored, type Refusal } from '../../../src/cache/rules/storable.ts'
import { answer, date, request, type Fields } from './answers.ts'

const FRESH = 'max-age=60'

await t.test('what may be stored, and the rule that decides (RFC 9111 3)', async (t) => {
  const rows: [name: string, fields: Fields, expected: Refusal | undefined, status?: number][] = [
    ['fresh', { 'Cache-Control': FRESH }, undefined],
    ['no-store', { 'Cache-Control': `${FRESH}, no-store` }, 'no-store'],
    ['private', { 'Cache-Control': `${FRESH}, private` }, 'private'],
    ['private about one field', { 'Cache-Control': `${FRESH}, private="x-a"` }, undefined],
    ['no-cache with a validator', { 'Cache-Control': 'no-cache', ETag: '"a"' }, undefined],
    ['no-cache without one', { 'Cache-Control': 'no-cache' }, 'no freshness'],
    ['nothing said', {}, 'no freshness'],
    ['a validator alone', { ETag: '"a"' }, undefined],
    ['stale from the beginning', { 'Cache-Control': 'max-age=0' }, 'no freshness'],
    ['stale, but with a validator', { 'Cache-Control': 'max-age=0', ETag: '"a"' }, undefined],
    ['Expires', { Expires: date(60) }, undefined],
    ['Vary: *', { 'Cache-Control': FRESH, Vary: 'Accept, *' }, 'vary *'],
    ['Set-Cookie', { 'Cache-Control': FRESH, 'Set-Cookie': 'a=b' }, 'set-cookie'],
    ['Set-Cookie with public', { 'Cache-Control': `public, ${FRESH}`, 'Set-Cookie': 'a=b' }, undefined],
    ['Set-Cookie with s-maxage', { 'Cache-Control': 's-maxage=9', 'Set-Cookie': 'a=b' }, undefined],
    ['no-store for others only', { 'CDN-Cache-Control': FRESH, 'Cache-Control': 'no-store' }, undefined],
    ['no-store for us', { 'CDN-Cache-Control': 'no-store', 'Cache-Control': FRESH }, 'no-store'],
    ['must-understand, understood', { 'Cache-Control': `${FRESH}, must-understand, no-store` }, undefined],
    [
      'must-understand, not understood',
      { 'Cache-Control': `${FRESH}, must-understand, no-store` },
      'must-understand',
      299,
    ],
    ['a part', { 'Cache-Control': FRESH, 'Content-Range': 'bytes 0-1/9' }, 'status', 206],
    ['not modified', { 'Cache-Control': FRESH }, 'status', 304],
    ['an app in trouble', { 'Last-Modified': date(-1000) }, 'no freshness', 503],
    ['in trouble, and nothing said', { ETag: '"a"' }, 'trouble', 500],
    ['in trouble, and stale at once', { 'Cache-Control': 'max-age=0, stale-while-revalidate=9' }, 'trouble', 504],
    ['in trouble, for a while', { 'Cache-Control': FRESH }, undefined, 502],
    ['precondition required', { 'Cache-Control': FRESH }, 'status', 428],
    ['too many requests', { 'Cache-Control': FRESH }, 'status', 429],
    ['request header fields too large', { 'Cache-Control': FRESH }, 'status', 431],
    ['network authentication required', { 'Cache-Control': FRESH }, 'status', 511],
    ['an unknown status with a lifetime', { 'Cache-Control': FRESH }, undefined, 299],
    ['an unknown status without', { ETag: '"a"' }, 'no freshness', 299],
    ['a redirect with a lifetime', { 'Cache-Control': FRESH }, undefined, 302],
    ['a redirect without', { 'Last-Modified': date(-1000) }, 'no freshness', 302],
    ['400 by guess', { 'Last-Modified': date(-1000) }, 'no freshness', 400],
    ['404 by guess', { 'Last-Modified': date(-1000) }, undefined, 404],
    ['451 by guess', { 'Last-Modified': date(-1000) }, undefined, 451],
  ]
  for (const [name, fields, expected, status = 200] of rows) {
    t.equal(whyNotStored('GET', request(), answer(fields, status)), expected, name)
  }
})

await t.test('what the request says about it', async (t) => {
  const auth = { authorization: 'Basic YTpi' }
  const rows: [
    name: string,
    method: string,
    headers: IncomingHttpHeaders,
    cacheControl: string,
    Refusal | undefined,
  ][] = [
    ['POST', 'POST', {}, FRESH, 'method'],
    ['HEAD', 'HEAD', {}, FRESH, 'method'],
    ['no-store', 'GET', { 'cache-control': 'no-store' }, FRESH, 'request no-store'],
    ['credentials', 'GET', auth, FRESH, 'authorization'],
    ['credentials, public', 'GET', auth, `${FRESH}, public`, undefined],
    ['credentials, s-maxage', 'GET', auth, 's-maxage=9', undefined],
    ['credentials, must-revalidate', 'GET', auth, `${FRESH}, must-revalidate`, undefined],
    ['credentials, proxy-revalidate', 'GET', auth, `${FRESH}, proxy-revalidate`, 'authorization'],
    ['a cookie is no reason', 'GET', { cookie: 'a=b' }, FRESH, undefined],
    ['a cookie, public', 'GET', { cookie: 'a=b' }, 'public', undefined],
    ['a cookie, and nothing said', 'GET', { cookie: 'a=b' }, '', 'cookie'],
  ]
  for (const [name, method, headers, cacheControl, expected] of rows) {
    const head = answer({ 'Cache-Control': cacheControl, 'Last-Modified': date(-1000) })
    t.equal(whyNotStored(method, request(headers), head), expected, name)
  }
})

await t.test('what a newer head says of what is stored (RFC 9111 3.2)', async (t) => {
  const rows: [name: string, fields: Fields, expected: Refusal | undefined][] = [
    ['nothing new', { 'Cache-Control': FRESH, Vary: 'a, B' }, undefined],
    ['no lifetime any more', { 'Cache-Control': 'max-age=0', Vary: 'b, A' }, undefined],
    ['no-store', { 'Cache-Control': 'no-store', Vary: 'a, b' }, 'no-store'],
    ['private', { 'Cache-Control': 'private', Vary: 'a, b' }, 'private'],
    ['a cookie', { 'Cache-Control': FRESH, Vary: 'a, b', 'Set-Cookie': 'a=b' }, 'set-cookie'],
    ['no Vary any more', { 'Cache-Control': FRESH }, 'vary changed'],
    ['more names', { 'Cache-Control': FRESH, Vary: 'a, b, c' }, 'vary changed'],
    ['any', { 'Cache-Control': FRESH, Vary: '*' }, 'vary changed'],
  ]
  for (const [name, fields, expected] of rows) {
    t.equal(whyNotKept(request({ cookie: 'a=b' }), answer(fields), ['a', 'b']), expected, name)
  }
})

await t.test('cookies, and fields that are named as private or no-cache, are not kept', async (t) => {
  const head = answer({
    Date: [],
    'Cache-Control': 'no-cache="X-A", private="x-b"',
    'X-A': '1',
    'X-B': '2',
    'Set-Cookie': 'c',
  })
  t.strictSame(storedFields(head), ['Cache-Control', 'no-cache="X-A", private="x-b"'])
})
