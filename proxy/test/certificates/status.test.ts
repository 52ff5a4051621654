import t from 'tap'
import { describeStatus } from '../../src/certificates/status.ts'
import { makeCertificate } from './factory.ts'
import type { Failure } from '../../src/certificates/contracts.ts'
import type { StatusFacts } from '../../src/certificates/status.ts'

const nowMs = Date.parse('2026-11-23T22:00:00Z')

function facts(change: Partial<StatusFacts>): StatusFacts {
  const nothing = {
    certificate: undefined,
    failure: undefined,
    permitted: true,
    isObtaining: false,
    limited: undefined,
  }
  return { name: 'shop.example.co.uk', ...nothing, scheduledMs: undefined, caaIdentity: undefined, nowMs, ...change }
}

function failed(kind: string | undefined, detail = 'the words of the CA'): Failure {
  return { count: 1, atMs: nowMs, nextTryAtMs: nowMs + 600_000, code: 'EDGE_ERR_ACME_PROBLEM', kind, detail }
}

await t.test('without a certificate: what is wrong, and what to change', async (t) => {
  const said = '("the words of the CA")'
  const advice = 'point its A, AAAA or CNAME record to this server; next try at 2026-11-23 22:10 UTC'
  const rows: [Partial<StatusFacts>, state: string, words: string][] = [
    [{}, 'absent', 'no certificate yet: the first visit has one obtained'],
    [{ isObtaining: true }, 'issuing', 'issuing: a certificate is being obtained'],
    [
      { permitted: false },
      'denied',
      'denied: shop.example.co.uk is not connected to a site here; connect it in the app first',
    ],
    [
      { failure: failed('dns') },
      'waiting',
      `waiting for DNS: the CA finds no address of shop.example.co.uk ${said}; ${advice}`,
    ],
    [
      { failure: failed('connection') },
      'waiting',
      `waiting for DNS: the CA does not reach shop.example.co.uk on port 80 ${said}; ${advice}`,
    ],
    [
      { failure: failed('unauthorized') },
      'waiting',
      `waiting for DNS: another server answers for shop.example.co.uk ${said}; ${advice}`,
    ],
    [
      { failure: failed('caa'), caaIdentity: 'letsencrypt.org' },
      'blocked',
      `blocked by CAA: add the record example.co.uk. CAA 0 issue "letsencrypt.org" ${said}; next try at 2026-11-23 22:10 UTC`,
    ],
    [
      { failure: failed('rejectedIdentifier') },
      'blocked',
      `blocked by the CA: it issues nothing for shop.example.co.uk ${said}; next try at 2026-11-23 22:10 UTC`,
    ],
    [
      { failure: failed('rateLimited', 'too many certificates') },
      'limited',
      'rate limited until 2026-11-23 22:10 UTC: too many certificates; nothing has to be changed',
    ],
    [
      { limited: { scope: 'orders:x', untilMs: nowMs + 3600_000, reason: 'used up' } },
      'limited',
      'rate limited until 2026-11-23 23:00 UTC: used up; nothing has to be changed',
    ],
    [
      { failure: failed(undefined, '') },
      'waiting',
      'waiting for the CA: EDGE_ERR_ACME_PROBLEM; next try at 2026-11-23 22:10 UTC',
    ],
    [
      { failure: { ...failed('serverInternal'), nextTryAtMs: nowMs - 1 } },
      'waiting',
      `waiting for the CA: serverInternal ${said}; the next visit tries again`,
    ],
  ]
  for (const [change, state, words] of rows) t.match(describeStatus(facts(change)), { state, words })
})

await t.test('with a certificate: until when, and what holds its renewal up', async (t) => {
  const made = await makeCertificate('shop.example.co.uk', {
    names: ['shop.example.co.uk', 'example.co.uk'],
    issuer: 'x',
  })
  const days = (count: number): number => made.notBeforeMs + count * 24 * 3600_000
  const until = new Date(made.notAfterMs).toISOString().slice(0, 10)
  const active = describeStatus(facts({ certificate: made, nowMs: days(1) }))
  t.match(active, {
    state: 'active',
    words: `active until ${until}`,
    issuer: 'x',
    keyType: 'P-256',
    serial: /^[0-9A-F]+$/,
  })
  t.same(active.names, ['shop.example.co.uk', 'example.co.uk'])
  t.ok((active.renewAtMs ?? 0) > days(55) && (active.renewAtMs ?? 0) <= days(60))
  const due = facts({ certificate: made, nowMs: days(70), failure: { ...failed('caa'), nextTryAtMs: 0 } })
  t.match(
    describeStatus(due).words,
    new RegExp(`^active until ${until}; its renewal is held up: blocked by CAA: let the`),
  )
  t.equal(describeStatus({ ...due, isObtaining: true }).words, `active until ${until}; it is being renewed`)
  const expired = { ...due, nowMs: days(99), failure: undefined }
  t.match(describeStatus(expired), { state: 'expired', words: `expired on ${until}; its renewal is due` })
  t.equal(describeStatus({ ...expired, permitted: false }).state, 'denied')
})
