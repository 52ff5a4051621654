import t from 'tap'
import { identifySite } from '../../src/site/site.ts'

const rows: readonly (readonly [string, string, { httpsOnly: boolean; cacheable: boolean; streaming: boolean }])[] = [
  ['blot.im', 'main', { httpsOnly: true, cacheable: false, streaming: false }],
  ['www.blot.im', 'main', { httpsOnly: true, cacheable: false, streaming: false }],
  ['garden.blot.im', 'handle', { httpsOnly: false, cacheable: true, streaming: false }],
  ['preview-garden.blot.im', 'preview', { httpsOnly: false, cacheable: false, streaming: false }],
  ['cdn.blot.im', 'cdn', { httpsOnly: false, cacheable: true, streaming: false }],
  ['webhooks.blot.im', 'webhooks', { httpsOnly: false, cacheable: false, streaming: true }],
  ['a.garden.blot.im', 'domain', { httpsOnly: false, cacheable: true, streaming: false }],
  ['notblot.im', 'domain', { httpsOnly: false, cacheable: true, streaming: false }],
  ['example.com', 'domain', { httpsOnly: false, cacheable: true, streaming: false }],
]

await t.test('every row of the host table', async (t) => {
  for (const [host, kind, rules] of rows) {
    const site = identifySite(host, 'blot.im', false)
    t.equal(site.kind, kind, host)
    t.match(site, rules, host)
  }
})

await t.test('an address is nobody’s site', async (t) => {
  const site = identifySite('192.0.2.1', 'blot.im', true)
  t.match(site, { kind: 'address', cacheable: false, pageFiles: false })
})
