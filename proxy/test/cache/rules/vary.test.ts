import t from 'tap'
import { selectionOf, varyOf } from '../../../src/cache/rules/vary.ts'

await t.test('which fields select (RFC 9110 12.5.5)', async (t) => {
  t.strictSame(varyOf([]), [])
  t.strictSame(varyOf(['Vary', 'B, a', 'vary', 'A , , c']), ['a', 'b', 'c'])
  t.equal(varyOf(['Vary', 'a, *']), '*')
  t.equal(varyOf(['Vary', Array.from({ length: 17 }, (_, i) => `x-${i}`).join()]), '*', 'more than anybody needs')
})

await t.test('requests that mean the same select the same (RFC 9111 4.1)', async (t) => {
  const rows: [name: string, left: string[], right: string[], isSame: boolean][] = [
    ['x-a', ['X-A', '1'], ['x-a', ' 1 '], true],
    ['x-a', ['X-A', '1'], ['X-A', '2'], false],
    ['x-a', ['X-A', '1', 'X-A', '2'], ['X-A', '1, 2'], true],
    ['x-a', ['X-A', '1', 'X-A', '2'], ['X-A', '1'], false],
    ['x-a', ['X-A', '1,2'], ['X-A', '1 ,\t2'], true],
    ['x-a', ['X-A', '1, 2'], ['X-A', '1', 'X-A', '2'], true],
    ['x-a', ['X-A', '1,,2'], ['X-A', '1,2'], false],
    ['x-a', ['X-A', '1 2'], ['X-A', '1  2'], false],
    ['x-a', ['X-A', '"1,2"'], ['X-A', '"1, 2"'], false],
    ['x-a', ['X-A', '"1,2"'], ['X-A', '"1', 'X-A', '2"'], false],
    ['x-a', [], ['X-A', ''], false],
    ['x-a', [], ['X-A', '-'], false],
    ['x-a', ['X-A', 'a'], ['X-A', 'A'], false],
    ['accept-language', ['Accept-Language', 'en-GB,de;q=0.5'], ['Accept-Language', 'EN-gb ,\tde; q=0.50'], true],
    ['accept-language', ['Accept-Language', 'de;q=0.5, en'], ['Accept-Language', 'en;q=1.0, de;q=0.5'], true],
    ['accept-language', ['Accept-Language', 'de, en'], ['Accept-Language', 'en, de'], false],
    ['accept-language', ['Accept-Language', 'de;q=0'], ['Accept-Language', 'de'], false],
    ['accept-encoding', ['Accept-Encoding', 'gzip,br'], ['Accept-Encoding', 'gzip, br'], true],
    ['accept', ['Accept', 'text/html;level=1;q=0.5'], ['Accept', 'text/html; level=1; q=0.5'], true],
    ['accept', ['Accept', 'text/html;level=1'], ['Accept', 'text/html;level=2'], false],
    ['cookie', ['Cookie', 'a=1', 'Cookie', 'b=2'], ['Cookie', 'a=1; b=2'], true],
    ['cookie', ['Cookie', 'a=1'], ['Cookie', 'a=2'], false],
  ]
  for (const [name, left, right, isSame] of rows) {
    t.equal(selectionOf([name], left) === selectionOf([name], right), isSame, `${left.join(' ')} | ${right.join(' ')}`)
  }
})

await t.test('no value of one field can pass for another field', async (t) => {
  const names = ['x-a', 'x-b']
  const crafted = selectionOf(names, ['X-A', '1\nx-b:=2', 'X-B', '3'])
  t.not(crafted, selectionOf(names, ['X-A', '1', 'X-B', '2']))
})

await t.test('a list that is longer than anybody’s wishes is not read', async (t) => {
  for (const name of ['accept-language', 'x-a']) {
    const long = `${'A ,'.repeat(400)}b`
    t.equal(selectionOf([name], [name, long]), `${name}:=${long}`)
    const short = 'A ,b'
    t.not(selectionOf([name], [name, short]), `${name}:=${short}`)
  }
})
