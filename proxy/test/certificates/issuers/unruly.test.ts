import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { temporaryDirectory } from '../../integration/edge.ts'
import { startPebble } from '../pebble.ts'
import { makeKey } from '../factory.ts'
import { ENGINES, answerChallenges, memoryAccounts, memoryTokens, obtain, openTestIssuer, problemOf } from './acme.ts'
import { startUnrulyCa, type Whim } from './unruly-ca.ts'

const PROBLEM = { 'content-type': 'application/problem+json' }
const URN = 'urn:ietf:params:acme:error:'

/** Every request of an order, by the beginning of its path at pebble. */
const PHASES = ['/dir', '/nonce-plz', '/sign-me-up', '/order-plz', '/authZ/', '/chalZ/', '/finalize-order/', '/certZ/']

const tokens = memoryTokens()
const httpPort = await answerChallenges(t, tokens)
const pebble = await startPebble(t, { folder: temporaryDirectory(t), httpPort })

for (const [id, openEngine] of Object.entries(ENGINES)) {
  await t.test(id, async (t) => {
    const engine = await openEngine(t)
    const ca = await startUnrulyCa(t, pebble)
    const accounts = memoryAccounts()
    const open = (options: { requestMs?: number; orderMs?: number } = {}) =>
      openTestIssuer(t, engine, ca, { tokens, accounts, ...options })
    const at = (phase: string, whim: Whim) => {
      ca.whim = ({ path }) => (path.startsWith(phase) ? whim : undefined)
    }

    await t.test('an answer that refuses is told in the words of the CA', async (t) => {
      const rows: [string, Whim, object][] = [
        [
          '/order-plz',
          {
            status: 429,
            headers: { ...PROBLEM, 'retry-after': '120' },
            body: JSON.stringify({
              type: `${URN}rateLimited`,
              detail: 'too many certificates already issued',
              status: 429,
            }),
          },
          { kind: 'rateLimited', status: 429, detail: 'too many certificates already issued', retryAfterMs: 120_000 },
        ],
        ['/order-plz', { status: 429, body: 'slow down' }, { kind: 'rateLimited', status: 429 }],
        [
          '/finalize-order/',
          { status: 500, headers: { 'content-type': 'text/html' }, body: '<h1>sorry</h1>' },
          { kind: 'serverInternal', status: 500, detail: 'HTTP 500 without a reason' },
        ],
        [
          '/chalZ/',
          {
            status: 403,
            headers: PROBLEM,
            body: JSON.stringify({ type: `${URN}unauthorized`, detail: 'the account is deactivated' }),
          },
          { kind: 'unauthorized', status: 403, detail: 'the account is deactivated' },
        ],
        [
          '/order-plz',
          {
            status: 400,
            headers: PROBLEM,
            body: JSON.stringify({
              type: `${URN}rejectedIdentifier`,
              detail: 'some names are refused',
              subproblems: [
                { type: `${URN}caa`, detail: 'CAA forbids', identifier: { type: 'dns', value: 'a.example.com' } },
                { type: `${URN}dns`, detail: 'NXDOMAIN', identifier: { type: 'dns', value: 'b.example.com' } },
              ],
            }),
          },
          {
            kind: 'rejectedIdentifier',
            subproblems: [
              { name: 'a.example.com', kind: 'caa', detail: 'CAA forbids' },
              { name: 'b.example.com', kind: 'dns', detail: 'NXDOMAIN' },
            ],
          },
        ],
      ]
      for (const [phase, whim, expected] of rows) {
        at(phase, whim)
        t.match(await problemOf(obtain(open(), ['a.example.com'])), expected)
        t.equal(tokens.held.size, 0)
      }
    })

    await t.test('an order that becomes invalid is told with what stands against each name', async (t) => {
      const error = {
        type: `${URN}caa`,
        detail: 'CAA record for a.example.com prevents issuance',
        status: 403,
        subproblems: [
          { type: `${URN}caa`, detail: 'add 0 issue', identifier: { type: 'dns', value: 'a.example.com' } },
        ],
      }
      ca.whim = ({ path }) => {
        if (path.startsWith('/finalize-order/')) return { merge: { status: 'processing' } }
        return path.startsWith('/my-order/') ? { merge: { status: 'invalid', error } } : undefined
      }
      t.match(await problemOf(obtain(open(), ['a.example.com'])), {
        kind: 'caa',
        detail: 'CAA record for a.example.com prevents issuance',
        subproblems: [{ name: 'a.example.com', kind: 'caa', detail: 'add 0 issue' }],
      })
    })

    await t.test('a CA that is broken in any phase fails the order, and the next one succeeds', async (t) => {
      const rows: [Whim, RegExp][] = [
        ['hang', /^timeout$/],
        ['cut', /^unreachable$/],
        ['noise', /^(invalidAnswer|unreachable)$/],
        [{ status: 200, headers: { 'content-type': 'application/json' }, body: '[nonsense' }, /^invalidAnswer$/],
        [{ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }, /^invalidAnswer$/],
        [{ status: 200, body: 'x'.repeat(1024 * 1024 + 1) }, /^invalidAnswer$/],
      ]
      for (const [whim, kind] of rows) {
        for (const phase of PHASES) {
          at(phase, whim)
          const issuer = openTestIssuer(t, engine, ca, { tokens, ...(whim === 'hang' && { requestMs: 300 }) })
          const what = `${phase} ${JSON.stringify(whim).slice(0, 60)}`
          t.match(await problemOf(obtain(issuer, ['broken.example.com'])), { kind }, what)
          t.equal(tokens.held.size, 0, what)
        }
      }
      ca.whim = () => undefined
      await obtain(open(), ['broken.example.com'])
    })

    await t.test('an order that is given up in any phase leaves nothing behind', async (t) => {
      for (const phase of PHASES) {
        at(phase, 'hang')
        const issuer = openTestIssuer(t, engine, ca, { tokens })
        const given = new AbortController()
        const heard = ca.heard(phase)
        const problem = problemOf(obtain(issuer, ['given-up.example.com'], given.signal))
        await heard
        given.abort(new DOMException('enough', 'AbortError'))
        t.match(await problem, { kind: 'timeout', status: 0, detail: 'enough' }, phase)
        t.equal(tokens.held.size, 0, phase)
        ca.whim = () => undefined
        await obtain(openTestIssuer(t, engine, ca, { tokens }), ['given-up.example.com'])
      }
      const before = ca.asked.length
      await problemOf(obtain(open(), ['given-up.example.com'], AbortSignal.abort(new DOMException('no', 'AbortError'))))
      t.equal(ca.asked.length, before, 'one that was given up before asks nothing')
    })

    await t.test('an order has a deadline, whatever the CA has it wait for', async (t) => {
      ca.whim = ({ path, payload }) =>
        path.startsWith('/chalZ/') && payload === undefined ? { merge: { status: 'pending' } } : undefined
      t.match(await problemOf(obtain(open({ orderMs: 400 }), ['pending.example.com'])), { kind: 'timeout' })
      t.equal(tokens.held.size, 0)
    })

    await t.test('a CA that is away is unreachable', async (t) => {
      const placeholder = createServer().listen(0, '127.0.0.1')
      await once(placeholder, 'listening')
      const address = placeholder.address()
      const port = typeof address === 'object' ? address?.port : undefined
      placeholder.close()
      await once(placeholder, 'close')
      const issuer = openTestIssuer(t, engine, { ...pebble, directoryUrl: `https://127.0.0.1:${port}/dir` })
      t.match(await problemOf(obtain(issuer, ['a.example.com'])), { kind: 'unreachable', detail: /ECONNREFUSED/ })
      const distrusted = openTestIssuer(t, engine, { directoryUrl: pebble.directoryUrl, caPem: pebble.rootPem })
      t.match(await problemOf(obtain(distrusted, ['a.example.com'])), { kind: 'unreachable', detail: /certificate/ })
    })

    await t.test('nothing but the origin of the directory is ever contacted', async (t) => {
      let connections = 0
      const elsewhere = createServer((socket) => {
        connections += 1
        socket.destroy()
      }).listen(0, '127.0.0.1')
      await once(elsewhere, 'listening')
      t.teardown(() => elsewhere.close())
      const address = elsewhere.address()
      const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/x`
      const whims: [string, Whim][] = [
        ['/dir', { merge: { newNonce: url } }],
        ['/dir', { merge: { newOrder: url } }],
        ['/order-plz', { merge: { finalize: url } }],
        ['/order-plz', { merge: { authorizations: [url] } }],
        ['/finalize-order/', { merge: { status: 'valid', certificate: url } }],
      ]
      for (const [phase, whim] of whims) {
        at(phase, whim)
        const issuer = openTestIssuer(t, engine, ca, { tokens })
        t.match(
          await problemOf(obtain(issuer, ['a.example.com'])),
          { kind: 'invalidAnswer', detail: /which is not of/ },
          phase,
        )
      }
      t.equal(connections, 0)
    })

    await t.test('a replacement is told to a CA that knows of it, which says when to renew', async (t) => {
      ca.whim = () => undefined
      const { chainPem } = await obtain(open(), ['renewed.example.com'])
      const replaces = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'
      const order = { names: ['renewed.example.com'], privateKeyPem: '', replaces, signal: AbortSignal.timeout(30_000) }
      const replacesAsked = () => ca.asked.findLast(({ path }) => path === '/order-plz')?.payload?.['replaces']
      await open().issue({ ...order, privateKeyPem: makeKey() })
      t.equal(replacesAsked(), undefined, 'pebble does not know of it')

      const renewalInfo = new URL('/renewal-info', ca.directoryUrl).href
      const window = { start: '2027-01-02T04:00:00Z', end: '2027-01-03T04:00:00Z' }
      const json = { 'content-type': 'application/json' }
      let info: Whim = {
        status: 200,
        headers: { ...json, 'retry-after': '21600' },
        body: JSON.stringify({ suggestedWindow: window, explanationURL: 'https://ca.example/why' }),
      }
      ca.whim = ({ path }) => {
        if (path === '/dir') return { merge: { renewalInfo } }
        return path.startsWith('/renewal-info/') ? info : undefined
      }
      const issuer = open()
      await issuer.issue({ ...order, privateKeyPem: makeKey() })
      t.equal(replacesAsked(), replaces)
      t.strictSame(await issuer.renewalInfo?.(chainPem, order.signal), {
        startMs: Date.parse(window.start),
        endMs: Date.parse(window.end),
        explanationUrl: 'https://ca.example/why',
        retryAfterMs: 6 * 3600_000,
      })
      const leaf = new X509Certificate(chainPem)
      const [, serial = ''] = ca.asked.at(-1)?.path.split('.') ?? []
      t.equal(Buffer.from(serial, 'base64url').toString('hex').replace(/^00/, ''), leaf.serialNumber.toLowerCase())

      for (const body of ['{}', JSON.stringify({ suggestedWindow: { start: window.end, end: window.start } })]) {
        info = { status: 200, headers: json, body }
        t.match(await problemOf(issuer.renewalInfo?.(chainPem, order.signal) ?? Promise.resolve()), {
          kind: 'invalidAnswer',
        })
      }
    })
  })
}
