import t from 'tap'
import { decodePath, isPlainTarget, isServable, unicodeForms } from '../../src/static/names.ts'

await t.test('only origin-form targets of visible ASCII are looked for', async (t) => {
  for (const target of ['/', '/a?b', '/%00', '/a\\b', '//']) t.ok(isPlainTarget(target), target)
  for (const target of ['', '*', 'a', 'http://a/', '/a b', '/é', '/\u0100', '/\0', '/a\n', '/\x7f']) {
    t.notOk(isPlainTarget(target), JSON.stringify(target))
  }
})

await t.test('a path is decoded exactly once', async (t) => {
  const table: [string, string | undefined][] = [
    ['/a%20b', '/a b'],
    ['/%41', '/A'],
    ['/%2541', '/%41'],
    ['/caf%C3%A9', '/café'],
    ['/100%25', '/100%'],
    ['/+', '/+'],
    ['/%', undefined],
    ['/%4', undefined],
    ['/%zz', undefined],
    // Overlong forms of `/` and `.`, a lone continuation, a surrogate, beyond Unicode.
    ['/%C0%AF', undefined],
    ['/%E0%80%AE', undefined],
    ['/%80', undefined],
    ['/%ED%A0%80', undefined],
    ['/%F4%90%80%80', undefined],
    ['/a%2fb', undefined],
    ['/a%2Fb', undefined],
  ]
  for (const [path, decoded] of table) t.equal(decodePath(path), decoded, path)
})

await t.test('names that must not be looked for', async (t) => {
  const long = 'x'.repeat(255)
  const good = ['/', '/a', '/a/', '/a/b.c', '/a..b', '/a.', `/${long}/${long}`, `/${'é'.repeat(127)}`, '/ ', '/%2e']
  for (const name of good) t.ok(isServable(name), name)
  const bad = ['/..', '/../a', '/a/..', '/a/../b', '/.', '/.git', '/.git/config', '/a/.env', '/.well-known/x']
  const odd = ['//', '//a', '/a//b', '/a//', '/a\\b', '/a\0b', '/a\nb', '/\x7f', `/${long}x`, `/${'é'.repeat(128)}`]
  for (const name of [...bad, ...odd]) t.notOk(isServable(name), JSON.stringify(name))
})

await t.test('a name beyond ASCII is looked for in its composed and its decomposed form', async (t) => {
  t.same(unicodeForms('/plain'), ['/plain'])
  t.same(unicodeForms('/caf\u00e9'), ['/caf\u00e9', '/cafe\u0301'])
  t.same(unicodeForms('/cafe\u0301'), ['/cafe\u0301', '/caf\u00e9'])
  t.same(unicodeForms('/\u6587'), ['/\u6587'])
})
