import t from 'tap'
import { createCensusTaker, takeCensus } from '../../src/admin/certificate-census.ts'
import type { CertificateView } from '../../src/admin/contracts.ts'
import { DAY_MS, makeCertificate } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { openCertificates } from './certificates.ts'
import { ask, askJson, startAdmin } from './start.ts'

const names = Array.from({ length: 12 }, (_, index) => `site-${String(index).padStart(2, '0')}.example`)

await t.test('certificates are listed in pages, by state and by part of a name, and as a stream', async (t) => {
  const { url } = await startAdmin(t, { certificates: await openCertificates(t, names) })
  const first = await askJson(`${url}/certificates?limit=5`)
  t.match(first.body, { total: 12, next: 'site-04.example', certificates: { length: 5 } })
  const second = await askJson(`${url}/certificates?limit=10&after=site-04.example`)
  t.match(second.body, { certificates: [{ name: 'site-05.example', state: 'active', words: /^active until/ }] })
  t.notOk((second.body as { next?: string }).next)
  t.match((await askJson(`${url}/certificates?search=E-1`)).body, { total: 2 })
  t.match((await askJson(`${url}/certificates?state=expired,blocked`)).body, { total: 0, certificates: [] })
  const { headers, text } = await ask(`${url}/certificates`, { headers: { accept: 'application/x-ndjson' } })
  t.equal(headers['content-type'], 'application/x-ndjson')
  t.equal(text.trim().split('\n').length, 12)
  t.notMatch(text, /PRIVATE KEY/)
})

await t.test('a wrong question is answered with what would be right', async (t) => {
  const { url } = await startAdmin(t, { certificates: await openCertificates(t, []) })
  for (const query of ['limit=0', 'limit=x', 'state=good', 'name=a', 'limit=1&limit=2']) {
    const { status, body } = await askJson(`${url}/certificates?${query}`)
    t.match([status, body], [400, { code: 'EDGE_ERR_CERTIFICATE_REQUEST_INVALID' }], query)
  }
  const bodies: readonly (readonly [path: string, body: unknown])[] = [
    ['', {}],
    ['', { domain: 1 }],
    ['/renewals', { perMinute: 0 }],
    ['/a.example/revoke', { reason: 2 }],
    ['/import', { chainPem: 'x' }],
  ]
  for (const [path, body] of bodies) {
    const { status } = await ask(`${url}/certificates${path}`, { method: 'POST', body: JSON.stringify(body) })
    t.equal(status, 400, `${path} ${JSON.stringify(body)}`)
  }
})

await t.test('the token guards all of it', async (t) => {
  const { url } = await startAdmin(t, { token: 'right', certificates: await openCertificates(t, names) })
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/site-01.example'],
    ['POST', ''],
    ['POST', '/import'],
    ['POST', '/renewals'],
    ['POST', '/site-01.example/revoke'],
    ['DELETE', '/site-01.example'],
  ] as const) {
    t.equal((await ask(`${url}/certificates${path}`, { method })).status, 401, `${method} ${path}`)
  }
})

await t.test('one that is brought along is taken, and an edge that only serves refuses orders', async (t) => {
  const { url } = await startAdmin(t, { certificates: await openCertificates(t, ['a.example']) })
  const { chainPem, privateKeyPem } = await makeCertificate('b.example')
  const offer = (more: object): Promise<{ status: number; body: unknown }> =>
    askJson(`${url}/certificates/import`, {
      method: 'POST',
      body: JSON.stringify({ chainPem, privateKeyPem, ...more }),
    })
  t.match((await offer({ trial: true })).body, [{ name: 'b.example', outcome: 'taken' }])
  t.match((await askJson(`${url}/certificates/b.example`)).body, { state: 'denied' })
  t.match((await offer({})).body, [{ name: 'b.example', outcome: 'taken' }])
  t.match((await askJson(`${url}/certificates`)).body, { total: 2 })
  const ordered = await askJson(`${url}/certificates?wait`, { method: 'POST', body: '{"domain":"c.example"}' })
  t.match(ordered, { status: 409, body: { code: 'EDGE_ERR_CERTIFICATES_READ_ONLY' } })
})

await t.test('metrics tell how many are in which state, and when the next one ends', async (t) => {
  const { url } = await startAdmin(t, { certificates: await openCertificates(t, names) })
  await pollUntil(async () => (await ask(`${url}/metrics`)).text.includes('blot_edge_certificates{state="active"} 12'))
  const { text } = await ask(`${url}/metrics`)
  const end = Number(/^blot_edge_certificate_next_end_seconds (\d+)/m.exec(text)?.[1])
  t.ok(end > Date.now() / 1000)
  t.notMatch(text, /example/)
})

await t.test('kinds of failure are counted under a bounded number of labels', async (t) => {
  async function* all(): AsyncGenerator<CertificateView> {
    const view = { name: 'a.example', words: '', state: 'waiting', notAfterMs: undefined }
    for (const kind of ['caa', 'dns', 'dns', 'what a CA made up', undefined]) yield { ...view, failure: { kind } }
    yield { ...view, state: 'expired', notAfterMs: Date.now() - DAY_MS, failure: undefined }
  }
  const { states, failing, nextEndMs } = await takeCensus(all(), Date.now())
  t.match(failing, { caa: 1, dns: 2, other: 2, tls: 0 })
  t.equal(Object.keys(failing).length, 13)
  t.match(states, { waiting: 5, expired: 1 })
  t.equal(nextEndMs, undefined, 'what has ended is not the next to end')
})

await t.test('a clock that is set back puts off no count', async (t) => {
  const realNow = Date.now
  t.teardown(() => (Date.now = realNow))
  const steady = { ms: 0 }
  let counts = 0
  async function* all(): AsyncGenerator<CertificateView> {
    counts++
    yield* []
  }
  const census = createCensusTaker(all, () => steady.ms)
  Date.now = () => realNow() + DAY_MS
  census.read()
  Date.now = realNow
  await pollUntil(() => census.read() !== undefined)
  t.equal(counts, 1, 'not at every scrape')
  steady.ms += 5 * 60_000
  census.read()
  await pollUntil(() => counts === 2)
})
