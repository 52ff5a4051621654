import t from 'tap'
import { problemOfAnswer, problemOfError, retryAfterOf } from '../../../src/certificates/issuers/acme/problem.ts'

await t.test('Retry-After is seconds or a date, within bounds', async (t) => {
  const nowMs = Date.parse('2027-01-01T00:00:00Z')
  const rows: [string | undefined, number | undefined][] = [
    [undefined, undefined],
    ['120', 120_000],
    ['0', 0],
    ['Fri, 01 Jan 2027 00:01:00 GMT', 60_000],
    ['Thu, 31 Dec 2026 00:01:00 GMT', 0],
    ['9999999999', 8 * 24 * 3600_000],
    ['Fri, 01 Jan 2100 00:00:00 GMT', 8 * 24 * 3600_000],
    ['soon', undefined],
  ]
  for (const [text, ms] of rows)
    t.equal(retryAfterOf({ ...(text && { 'retry-after': text }) }, nowMs), ms, String(text))
})

await t.test('whatever a CA sends, a problem has a kind and words that are not too long', async (t) => {
  const of = (body: unknown, status = 400) =>
    problemOfAnswer({ status, headers: {}, text: typeof body === 'string' ? body : JSON.stringify(body) }, 0).problem
  t.match(of({ type: 'about:blank', title: 'Forbidden' }, 403), {
    kind: 'about:blank',
    detail: 'Forbidden',
    status: 403,
  })
  t.match(of({ type: 'urn:ietf:params:acme:error:', detail: 5 }), { kind: 'malformed', detail: 'no reason given' })
  t.match(of('[]', 503), { kind: 'serverInternal', detail: 'HTTP 503 without a reason' })
  t.match(of('', 401), { kind: 'unauthorized' })
  const long = of({
    type: 'urn:ietf:params:acme:error:dns',
    detail: 'x'.repeat(5_000),
    subproblems: Array.from({ length: 500 }, () => ({})),
  })
  t.equal(long.detail.length, 1_000)
  t.equal(long.subproblems?.length, 100)
  t.match(problemOfError(undefined, 'a.example').problem, {
    kind: 'unauthorized',
    detail: /a\.example without a reason/,
  })
})
