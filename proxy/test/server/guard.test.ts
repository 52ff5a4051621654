import t from 'tap'
import type { RequestHead } from '../../src/request.ts'
import { createGuard, type Verdict } from '../../src/server/guard.ts'
import { identifySite } from '../../src/site/site.ts'

type Asked = {
  method?: string
  scheme?: 'http' | 'https'
  host?: string
  target?: string
  covers?: boolean
}

const BLOT = 'blot.example'

function headOf(asked: Asked): RequestHead {
  const { method = 'GET', scheme = 'http', host = BLOT, target = '/', covers = true } = asked
  return {
    method,
    scheme,
    host,
    authority: host,
    target,
    version: '1.1',
    headers: {},
    rawHeaders: [],
    connection: {
      id: 1,
      address: '192.0.2.1',
      port: 1,
      trusted: false,
      loopback: false,
      scheme,
      localPort: 80,
      serverName: undefined,
      covers: () => covers,
    },
    site: identifySite(host, BLOT, host === '192.0.2.9'),
    id: '0',
  }
}

function judge(asked: Asked, { httpsPort = 443, mayPurge = false } = {}): Verdict | undefined {
  return createGuard({ host: BLOT, httpsPort, mayPurge: () => mayPurge })(headOf(asked))
}

/** Where a visitor is sent, or the status and first words of what it is told; undefined: the request goes on. */
function outcome(asked: Asked, options?: Parameters<typeof judge>[1]): string | undefined {
  const verdict = judge(asked, options)
  if (verdict === undefined) return undefined
  if (verdict.kind === 'redirect') return `${verdict.status} ${verdict.location}`
  if (verdict.kind === 'challenge') return `challenge ${verdict.token}`
  return verdict.kind === 'purge' ? 'purge' : `${verdict.status}`
}

await t.test('the main site is for https only', async (t) => {
  const target = '/log-in?then=%2Fsites&x=//y'
  t.equal(outcome({ target }), `301 https://${BLOT}${target}`)
  t.equal(outcome({ target, host: `www.${BLOT}` }), `301 https://www.${BLOT}${target}`)
  t.equal(outcome({ target }, { httpsPort: 8443 }), `301 https://${BLOT}:8443${target}`)
  t.equal(outcome({ target, scheme: 'https' }), undefined)
  for (const host of [`handle.${BLOT}`, 'customer.example', `webhooks.${BLOT}`])
    t.equal(outcome({ host }), undefined, host)
})

await t.test('a CA is never sent elsewhere', async (t) => {
  for (const host of [BLOT, 'customer.example']) {
    t.equal(outcome({ host, target: '/.well-known/acme-challenge/to-k_en' }), 'challenge to-k_en')
    t.equal(outcome({ host, target: '/.well-known/acme-challenge/token', scheme: 'https' }), undefined)
    for (const token of ['', 'a/b', 'a?b', '%41', '..', 'a'.repeat(129)]) {
      t.equal(outcome({ host, target: `/.well-known/acme-challenge/${token}` }), '404', token)
    }
  }
})

await t.test('the CDN has no front page', async (t) => {
  const host = `cdn.${BLOT}`
  t.equal(outcome({ host, scheme: 'https' }), `302 https://${BLOT}/`)
  t.equal(outcome({ host, target: '/style.css', scheme: 'https' }), undefined)
})

await t.test('a health check is answered for the edge, never for a customer', async (t) => {
  for (const host of [BLOT, 'localhost', '192.0.2.9']) {
    t.match(
      judge({ host, target: '/health' }),
      { status: 200, body: 'ok\n', headers: ['Cache-Control', 'no-store'] },
      host,
    )
    t.equal(outcome({ host, target: '/health?from=monit', method: 'HEAD' }), '200')
  }
  t.equal(outcome({ host: 'customer.example', target: '/health' }), undefined)
  t.equal(outcome({ host: BLOT, scheme: 'https', target: '/healthy' }), undefined)
})

await t.test('where the app is not Blot, no name is its own', async (t) => {
  const guard = createGuard({ host: '', httpsPort: 443, mayPurge: () => false })
  t.equal(guard(headOf({ host: 'localhost', target: '/health' })), undefined)
  t.match(guard(headOf({ host: '192.0.2.9', target: '/health' })), { status: 200 })
})

await t.test('a purge is for GET /purge on the plain listener, from whom may', async (t) => {
  const host = 'customer.example'
  t.equal(outcome({ host, target: '/purge?host=a' }, { mayPurge: true }), 'purge')
  t.equal(outcome({ host, target: '/purge?host=a' }), undefined, 'a page of theirs may have this address')
  t.equal(outcome({ host, target: '/purge?host=a', scheme: 'https' }, { mayPurge: true }), undefined)
  t.equal(outcome({ host, target: '/purge', method: 'POST' }, { mayPurge: true }), undefined)
  t.equal(outcome({ host, target: '/purged' }, { mayPurge: true }), undefined)
})

await t.test('a host that is not the certificate’s is asked for again over its own connection', async (t) => {
  t.match(judge({ scheme: 'https', host: 'customer.example', covers: false }), { status: 421, page: 'misdirected' })
})

await t.test('methods that are not for servers of sites', async (t) => {
  for (const method of ['CONNECT', 'TRACE'])
    t.match(judge({ method }), { status: 405, headers: ['Allow', /GET, HEAD/] })
  t.match(judge({ method: 'OPTIONS', target: '*' }), { status: 200, body: '', headers: ['Allow', /OPTIONS/] })
  t.equal(outcome({ method: 'PROPFIND', host: 'customer.example' }), undefined)
})
