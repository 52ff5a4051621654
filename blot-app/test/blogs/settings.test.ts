import t from 'tap'
import { readSettings } from '../../src/blogs/settings.ts'

const templates = new Set(['plain', 'ledger'])
const read = (value: unknown) =>
  readSettings(typeof value === 'string' ? value : JSON.stringify(value), 'my-garden', templates)

await t.test('what is left out has a default', async (t) => {
  t.strictSame(read({ other: 1 }), {
    title: 'My garden',
    description: '',
    domain: undefined,
    template: 'plain',
    forceSSL: false,
    formerHandles: [],
  })
})

await t.test('a domain is kept in its ASCII form', async (t) => {
  t.equal(read({ domain: 'WWW.Bücher.example' }).domain, 'www.xn--bcher-kva.example')
})

await t.test('each fault names the field and what would be right', async (t) => {
  const faults: [unknown, RegExp][] = [
    ['{"title": ', /not valid JSON/],
    ['[]', /one object/],
    [{ title: 5 }, /"title"/],
    [{ title: 'x'.repeat(301) }, /"title"/],
    [{ domain: 'https://example.com' }, /"domain"/],
    [{ domain: 'localhost' }, /"domain"/],
    [{ domain: '127.0.0.1' }, /"domain"/],
    [{ template: '../plain' }, /"template".*plain, ledger/],
    [{ forceSSL: 'true' }, /"forceSSL"/],
    [{ formerHandles: ['www'] }, /"formerHandles"/],
    [{ formerHandles: 'old' }, /"formerHandles"/],
  ]
  for (const [value, message] of faults) t.throws(() => read(value), { name: 'SourceFault', message })
})
