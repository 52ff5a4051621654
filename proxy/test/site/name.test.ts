import t from 'tap'
import { normaliseName, parentOf } from '../../src/site/name.ts'

const names: readonly (readonly [string, string | undefined])[] = [
  ['Example.COM', 'example.com'],
  ['example.com.', 'example.com'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['a。b.example', 'a.b.example'],
  ['_acme.example.com', '_acme.example.com'],
  ['localhost', 'localhost'],
  ['a'.repeat(63) + '.example', 'a'.repeat(63) + '.example'],
  ['', undefined],
  ['.', undefined],
  ['example..com', undefined],
  ['example.com..', undefined],
  ['.example.com', undefined],
  ['-a.example', undefined],
  ['a-.example', undefined],
  ['a'.repeat(64) + '.example', undefined],
  ['a.'.repeat(127) + 'example', undefined],
  ['192.0.2.1', undefined],
  ['0x7f.1', undefined],
  ['2130706433', undefined],
  ['example.123', undefined],
  ['::1', undefined],
  ['[::1]', undefined],
  ['a%2eb.example', undefined],
  ['a b.example', undefined],
  ['a/b.example', undefined],
  ['a\0.example', undefined],
  ['a\r\nb.example', undefined],
  ['example.com:443', undefined],
  ['％41.example', undefined],
]

await t.test('a name has one form, and what is no name has none', async (t) => {
  for (const [raw, expected] of names) t.equal(normaliseName(raw), expected, JSON.stringify(raw.slice(0, 40)))
})

await t.test('normalising twice changes nothing', async (t) => {
  for (const [, expected] of names) if (expected !== undefined) t.equal(normaliseName(expected), expected)
})

await t.test('the parent of a name is what stands behind its first label', async (t) => {
  t.equal(parentOf('a.b.example'), 'b.example')
  t.equal(parentOf('example'), undefined)
})
