import t from 'tap'
import { splitAtCommas, splitList, unquote } from '../../../src/cache/rules/fields.ts'

await t.test('lists are split at commas outside of quoted strings (RFC 9110 5.6.1, 5.6.4)', async (t) => {
  const rows: [text: string, items: string[]][] = [
    ['a, b ,c', ['a', 'b', 'c']],
    ['', ['']],
    [',a,', ['', 'a', '']],
    ['x="a, b", c', ['x="a, b"', 'c']],
    [String.raw`x="a\", b", c`, [String.raw`x="a\", b"`, 'c']],
    ['x="a, b', ['x="a', 'b']],
    [String.raw`"\", a"`, [String.raw`"\", a"`]],
    [String.raw`"\", a`, [String.raw`"\"`, 'a']],
    ['"a, b", "c, d', ['"a, b"', '"c', 'd']],
  ]
  for (const [text, items] of rows) t.strictSame(splitAtCommas(text), items, text)
  t.strictSame(splitList(', a,, b,'), ['a', 'b'])
  t.equal(unquote(String.raw`"a\"b"`), 'a"b')
})

await t.test('a list that a stranger wrote is split in one pass', async (t) => {
  // A search that starts again at each quote would look at 10^13 characters here.
  const text = `"${String.raw`\"`.repeat(4_000_000)},a`
  t.equal(splitList(text).length, 2)
})
