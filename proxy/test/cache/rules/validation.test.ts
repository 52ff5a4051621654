import t from 'tap'
import { invalidatedBy } from '../../../src/cache/rules/invalidation.ts'
import { endToEnd } from '../../../src/cache/rules/fields.ts'
import { confirms, describesSame, mergeFields, validatorsFor } from '../../../src/cache/rules/validation.ts'
import { date } from './answers.ts'

await t.test('what the app is asked with (RFC 9111 4.3.1)', async (t) => {
  t.strictSame(validatorsFor(['ETag', 'W/"a"', 'Last-Modified', date(-9)]), [
    'If-None-Match',
    'W/"a"',
    'If-Modified-Since',
    date(-9),
  ])
  t.strictSame(validatorsFor(['Content-Type', 'text/html']), [])
})

await t.test('which stored answer a 304 is about (RFC 9111 4.3.4)', async (t) => {
  const rows: [stored: string[], answered: string[], expected: boolean][] = [
    [['ETag', '"a"'], ['ETag', '"a"'], true],
    [['ETag', '"a"'], ['ETag', '"b"'], false],
    [['ETag', 'W/"a"'], ['ETag', 'W/"a"'], true],
    [['ETag', '"a"'], ['ETag', 'W/"a"'], true],
    [['ETag', 'W/"a"'], ['ETag', '"a"'], false],
    [['ETag', '"a"'], [], true],
    [['Last-Modified', date(-9)], ['ETag', '"a"'], false],
    [['Last-Modified', date(-9)], ['Last-Modified', date(-9)], true],
    [['Last-Modified', date(-9)], ['Last-Modified', date(-8)], false],
  ]
  for (const [stored, answered, expected] of rows) {
    t.equal(confirms(stored, answered), expected, `${stored.join(' ')} | ${answered.join(' ')}`)
  }
})

await t.test('a 304 takes the place of what it repeats, and describes no bytes (RFC 9111 3.2)', async (t) => {
  const stored = [
    'Content-Length',
    '9',
    'Content-Encoding',
    'gzip',
    'X-A',
    '1',
    'x-a',
    '2',
    'X-B',
    '3',
    'Age',
    '50',
    'Date',
    date(-60),
  ]
  const merged = mergeFields(stored, [
    'X-a',
    '4',
    'Date',
    date(0),
    'Content-Length',
    '0',
    'Content-Encoding',
    'br',
    'X-C',
    '5',
  ])
  t.strictSame(merged, [
    'Content-Length',
    '9',
    'Content-Encoding',
    'gzip',
    'X-B',
    '3',
    'X-a',
    '4',
    'Date',
    date(0),
    'X-C',
    '5',
  ])
})

await t.test('the answer to a HEAD updates what it describes, and nothing else (RFC 9111 4.3.5)', async (t) => {
  const stored = ['ETag', '"a"', 'Last-Modified', date(-9), 'Content-Type', 'text/html']
  t.ok(describesSame(stored, ['ETag', '"a"', 'Content-Length', '5'], 5))
  t.ok(describesSame(stored, [], 5))
  t.notOk(describesSame(stored, ['ETag', '"b"'], 5))
  t.notOk(describesSame(stored, ['Last-Modified', date(-8)], 5))
  t.notOk(describesSame(stored, ['Content-Length', '6'], 5))
})

await t.test('what an unsafe request makes invalid (RFC 9111 4.4)', async (t) => {
  const subject = { method: 'POST', scheme: 'https', host: 'a.test', authority: 'a.test:8443', target: '/x?y=1' }
  const rows: [name: string, method: string, status: number, fields: string[], expected: string[]][] = [
    ['its own target', 'POST', 200, [], ['/x?y=1']],
    ['a redirect is a success', 'DELETE', 303, [], ['/x?y=1']],
    ['a failure', 'POST', 404, [], []],
    ['a safe method', 'GET', 200, ['Location', '/z'], []],
    ['OPTIONS', 'OPTIONS', 200, [], []],
    ['PROPFIND', 'PROPFIND', 207, [], []],
    ['a method that nobody knows', 'FROB', 200, [], ['/x?y=1']],
    ['Location', 'POST', 201, ['Location', '/z?w'], ['/x?y=1', '/z?w']],
    ['relative Content-Location', 'PUT', 200, ['Content-Location', 'z#top'], ['/x?y=1', '/z']],
    ['absolute, same origin', 'POST', 200, ['Location', 'https://A.test:8443/z'], ['/x?y=1', '/z']],
    ['another port', 'POST', 200, ['Location', 'https://a.test/z'], ['/x?y=1']],
    ['another host', 'POST', 200, ['Location', '//b.test/z'], ['/x?y=1']],
    ['no URL', 'POST', 200, ['Location', 'https://['], ['/x?y=1']],
  ]
  for (const [name, method, status, fields, expected] of rows) {
    t.strictSame(invalidatedBy({ ...subject, method }, status, fields), expected, name)
  }
})

await t.test('fields of the connection are not stored (RFC 9111 3.1)', async (t) => {
  const fields = [
    'Connection',
    'x-hop, close',
    'X-Hop',
    '1',
    'Keep-Alive',
    'timeout=5',
    'Transfer-Encoding',
    'chunked',
    'X-End',
    '2',
  ]
  t.strictSame(endToEnd(fields), ['X-End', '2'])
})
