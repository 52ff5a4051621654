import t from 'tap'
import {
  directivesOf,
  isUnqualified,
  namedFields,
  parseCacheControl,
  secondsOf,
} from '../../../src/cache/rules/directives.ts'
import { parseDictionary } from '../../../src/cache/rules/structured.ts'

await t.test('Cache-Control is read as RFC 9111 5.2 writes it', async (t) => {
  const rows: [name: string, lines: string[], expected: Record<string, string | true>][] = [
    ['plain', ['max-age=60, public'], { 'max-age': '60', public: true }],
    ['any case', ['MaX-AgE=60, NO-STORE'], { 'max-age': '60', 'no-store': true }],
    ['several lines', ['max-age=60', 'no-cache'], { 'max-age': '60', 'no-cache': true }],
    ['the first of two counts', ['max-age=1, max-age=2'], { 'max-age': '1' }],
    ['the first of two lines counts', ['max-age=1', 'max-age=2'], { 'max-age': '1' }],
    ['quoted argument', ['max-age="60"'], { 'max-age': '60' }],
    [
      'inside a quoted string is no directive',
      ['x="a, no-store, max-age=9", max-age=1'],
      { x: 'a, no-store, max-age=9', 'max-age': '1' },
    ],
    ['escaped quote', [String.raw`x="a\", no-store", public`], { x: 'a", no-store', public: true }],
    ['an open quote hides nothing that forbids', ['x="a, no-store'], { x: '"a', 'no-store': true }],
    ['empty members', [', ,max-age=5,,'], { 'max-age': '5' }],
    ['space before =', ['max-age =5, private ="a"'], { 'max-age': '', private: '' }],
    ['no-cache with and without names', ['no-cache="a", no-cache'], { 'no-cache': true }],
    ['names of two directives', ['private="a", private="B"'], { private: 'a,B' }],
    ['nothing', [''], {}],
  ]
  for (const [name, lines, expected] of rows) t.strictSame(Object.fromEntries(parseCacheControl(lines)), expected, name)
})

await t.test('delta-seconds are digits and nothing else (RFC 9111 1.2.2)', async (t) => {
  const rows: [argument: string, expected: number][] = [
    ['=0', 0],
    ['=003600', 3600],
    ['=99999999999999999999', 2 ** 31],
    ['', Number.NaN],
    ['=', Number.NaN],
    ['=-1', Number.NaN],
    ['=1.0', Number.NaN],
    ['=1e3', Number.NaN],
    ['=a1', Number.NaN],
    ['=1a', Number.NaN],
    ["='1'", Number.NaN],
    ['= 1', Number.NaN],
    ['=１', Number.NaN],
  ]
  for (const [argument, expected] of rows) {
    t.same(secondsOf(parseCacheControl([`max-age${argument}`]), 'max-age'), expected, `max-age${argument}`)
  }
  t.equal(secondsOf(parseCacheControl([]), 'max-age'), undefined)
})

await t.test('no-cache and private may name fields', async (t) => {
  const named = parseCacheControl(['no-cache="Set-Cookie, x-a", private=x-b'])
  t.strictSame([...namedFields(named)], ['set-cookie', 'x-a', 'x-b'])
  t.notOk(isUnqualified(named, 'no-cache'))
  t.notOk(isUnqualified(named, 'private'))
  t.ok(isUnqualified(parseCacheControl(['private=""']), 'private'), 'naming nothing means the whole')
  t.ok(isUnqualified(parseCacheControl(['private="a", private']), 'private'))
})

await t.test('CDN-Cache-Control goes before Cache-Control, if it is a dictionary (RFC 9213)', async (t) => {
  const general = ['Cache-Control', 'max-age=1']
  const rows: [name: string, lines: string[], isTargeted: boolean, maxAge: string | true | undefined][] = [
    ['well-formed', ['max-age=60'], true, '60'],
    ['two lines', ['public', 'max-age=60'], true, '60'],
    ['the last of two keys', ['max-age=1, max-age=60'], true, '60'],
    ['another directive only', ['no-store'], true, undefined],
    ['parameters are ignored', ['max-age=60;a=1; b'], true, '60'],
    ['upper case is no key', ['Max-Age=60'], false, '1'],
    ['space at the =', ['max-age =60'], false, '1'],
    ['malformed number', ['max-age=60a'], false, '1'],
    ['trailing comma', ['max-age=60,'], false, '1'],
    ['empty', [''], false, '1'],
    ['a string', ['max-age="60"'], true, '"60"'],
  ]
  for (const [name, lines, isTargeted, maxAge] of rows) {
    const found = directivesOf([...general, ...lines.flatMap((line) => ['CDN-Cache-Control', line])])
    t.equal(found.isTargeted, isTargeted, name)
    t.equal(found.directives.get('max-age'), maxAge, name)
  }
})

await t.test('in a targeted field, seconds are integers and nothing else (RFC 9213 2.1)', async (t) => {
  const rows: [argument: string, seconds: number][] = [
    ['60', 60],
    ['"60"', Number.NaN],
    ['60.5', Number.NaN],
    ['-60', Number.NaN],
    ['sixty', Number.NaN],
    ['?1', Number.NaN],
  ]
  for (const [argument, seconds] of rows) {
    const { directives } = directivesOf(['CDN-Cache-Control', `max-age=${argument}`])
    t.same(secondsOf(directives, 'max-age'), seconds, argument)
  }
  const { directives } = directivesOf(['CDN-Cache-Control', 'no-cache="X-A, x-b", max-age=60'])
  t.strictSame([...namedFields(directives)], ['x-a', 'x-b'])
  t.notOk(isUnqualified(directives, 'no-cache'))
})

await t.test('every type of a structured dictionary is read (RFC 9651)', async (t) => {
  const whole =
    'a=1, b=1.5, c="x, y", d=tok/en, e=:AAEC:, f=?1, g=?0, h=(1 "a";q;r=2), i=@1700000000, j=%"f%c3%bc", k;p=1, l=-3'
  t.strictSame(Object.fromEntries(parseDictionary(whole) ?? []), {
    a: '1',
    b: '1.5',
    c: '"x, y"',
    d: 'tok/en',
    e: '',
    f: true,
    h: '',
    i: '',
    j: '',
    k: true,
    l: '-3',
  })
  for (const bad of [
    'a=',
    'a b',
    '=1',
    'a=1.',
    'a="x',
    'a=(1',
    'a=(1"b")',
    'a=1,,b',
    'a=?2',
    'a;',
    'a=1.2345',
    'A',
    'a=\u00e9',
  ]) {
    t.equal(parseDictionary(bad), undefined, bad)
  }
})
