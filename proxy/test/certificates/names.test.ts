import t from 'tap'
import { checkServerName, isVaultName, registeredDomain } from '../../src/certificates/names.ts'

await t.test('a server name is normalised', async (t) => {
  const rows: [string, string][] = [
    ['example.com', 'example.com'],
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['www.example.com', 'www.example.com'],
    ['www.www-example.com', 'www.www-example.com'],
  ]
  for (const [raw, name] of rows) t.equal(checkServerName(raw, false), name, raw)
})

await t.test('what no certificate is for is refused', async (t) => {
  const refused = [
    '127.0.0.1',
    '::1',
    'localhost',
    'com',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}com`,
    '-a.example',
    'a..example',
    '.example.com',
    'a b.example',
    'a/b.example',
    '*.example.com',
    'www.www.example.com',
    'www.www.www.example.com',
    'a\0.example',
    '',
  ]
  for (const raw of refused) t.equal(checkServerName(raw, false), undefined, JSON.stringify(raw))
})

await t.test('localhost is a name where our own CA issues', async (t) => {
  t.equal(checkServerName('localhost', true), 'localhost')
  t.equal(checkServerName('LOCALHOST.', true), 'localhost')
  t.equal(checkServerName('intranet', true), undefined)
})

await t.test('a vault holds normalised names and wildcards', async (t) => {
  for (const name of ['example.com', '*.example.com', 'localhost']) t.equal(isVaultName(name), true, name)
  for (const name of ['', '*.', '*', '*.*.com', 'A.com', 'a.com.', '../a', 'a/b', '.a', '1.2.3.4', '+.a.com']) {
    t.equal(isVaultName(name), false, name)
  }
})

await t.test('names are told apart by the domain that somebody registered', async (t) => {
  const rows: [string, string][] = [
    ['a.b.c.example.com', 'example.com'],
    ['example.com', 'example.com'],
    ['garden.blot.im', 'blot.im'],
    ['a.example.co.uk', 'example.co.uk'],
    ['shop.me.github.io', 'me.github.io'],
    ['co.uk', 'co.uk'],
    ['localhost', 'localhost'],
  ]
  for (const [name, domain] of rows) t.equal(registeredDomain(name), domain, name)
})
