import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import { allowsRange, checkPreconditions, type PreconditionOutcome } from '../../src/cache/preconditions.ts'

const NOW = Date.UTC(2026, 10, 23)
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'
const EXACT = 'Sun, 06 Nov 1994 08:49:37 GMT'
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT'
const STRONG = { tag: '"x"', modifiedMs: Date.UTC(1994, 10, 6, 8, 49, 37) }
const WEAK = { tag: 'W/"x"', modifiedMs: undefined }

type Row = [IncomingHttpHeaders, PreconditionOutcome, PreconditionOutcome?]

await t.test('conditions, against a strong and a weak validator (RFC 9110 13.1)', async (t) => {
  const table: Row[] = [
    [{}, 'send'],
    [{ 'if-match': '"x"' }, 'send', 'failed'],
    [{ 'if-match': '"y", "x"' }, 'send', 'failed'],
    [{ 'if-match': '"y"' }, 'failed'],
    [{ 'if-match': 'W/"x"' }, 'failed'],
    [{ 'if-match': '*' }, 'send'],
    [{ 'if-match': 'x' }, 'failed'],
    [{ 'if-match': '' }, 'failed'],
    [{ 'if-none-match': '"x"' }, 'unchanged'],
    [{ 'if-none-match': 'W/"x"' }, 'unchanged'],
    [{ 'if-none-match': '"y",W/"x"' }, 'unchanged'],
    [{ 'if-none-match': '"a,b" , "x"' }, 'unchanged'],
    [{ 'if-none-match': '"a,"x",b"' }, 'send'],
    [{ 'if-none-match': '"y"' }, 'send'],
    [{ 'if-none-match': '*' }, 'unchanged'],
    [{ 'if-none-match': '"*"' }, 'send'],
    [{ 'if-none-match': 'x' }, 'send'],
    [{ 'if-none-match': 'w/"y"' }, 'send'],
    [{ 'if-modified-since': EXACT }, 'unchanged', 'send'],
    [{ 'if-modified-since': AFTER }, 'unchanged', 'send'],
    [{ 'if-modified-since': BEFORE }, 'send'],
    [{ 'if-modified-since': 'yesterday' }, 'send'],
    [{ 'if-unmodified-since': EXACT }, 'send'],
    [{ 'if-unmodified-since': AFTER }, 'send'],
    [{ 'if-unmodified-since': BEFORE }, 'failed', 'send'],
    [{ 'if-unmodified-since': 'yesterday' }, 'send'],
  ]
  for (const [headers, strong, weak = strong] of table) {
    t.equal(checkPreconditions(headers, STRONG, NOW), strong, `strong ${JSON.stringify(headers)}`)
    t.equal(checkPreconditions(headers, WEAK, NOW), weak, `weak ${JSON.stringify(headers)}`)
  }
})

await t.test('precedence (RFC 9110 13.2.2)', async (t) => {
  const table: Row[] = [
    [{ 'if-match': '"x"', 'if-unmodified-since': BEFORE }, 'send'],
    [{ 'if-match': '"y"', 'if-unmodified-since': AFTER }, 'failed'],
    [{ 'if-match': '"y"', 'if-none-match': '"x"' }, 'failed'],
    [{ 'if-match': '"x"', 'if-none-match': '"x"' }, 'unchanged'],
    [{ 'if-unmodified-since': BEFORE, 'if-none-match': '"x"' }, 'failed'],
    [{ 'if-none-match': '"y"', 'if-modified-since': EXACT }, 'send'],
    [{ 'if-none-match': '"x"', 'if-modified-since': BEFORE }, 'unchanged'],
  ]
  for (const [headers, outcome] of table) {
    t.equal(checkPreconditions(headers, STRONG, NOW), outcome, JSON.stringify(headers))
  }
})

await t.test('If-Range wants a strong validator (RFC 9110 13.1.5)', async (t) => {
  const table: [string, boolean, boolean][] = [
    ['"x"', true, false],
    ['W/"x"', false, false],
    ['"y"', false, false],
    ['"x", "y"', false, false],
    ['*', false, false],
    [EXACT, true, false],
    [BEFORE, false, false],
    [AFTER, false, false],
    ['yesterday', false, false],
  ]
  for (const [condition, strong, weak] of table) {
    t.equal(allowsRange({ 'if-range': condition }, STRONG, NOW), strong, `strong ${condition}`)
    t.equal(allowsRange({ 'if-range': condition }, WEAK, NOW), weak, `weak ${condition}`)
  }
  t.ok(allowsRange({}, WEAK, NOW), 'no condition')
})

await t.test('a long list of quotes costs no more than its length', async (t) => {
  const list = '"'.repeat(8191)
  t.equal(checkPreconditions({ 'if-none-match': list }, STRONG, NOW), 'send')
})
