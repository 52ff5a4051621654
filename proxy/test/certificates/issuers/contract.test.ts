import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { certificateFromPem, parseChain, verifyIssued } from '../../../src/certificates/verify.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { freePort } from '../../store/redis-server.ts'
import { makeKey } from '../factory.ts'
import { startPebble } from '../pebble.ts'
import { ENGINES, answerChallenges, memoryTokens, obtain, openTestIssuer, problemOf } from './acme.ts'

const EXTERNAL = { keyId: 'kid-1', hmac: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' }
/** What pebble logs for each. */
const REGISTERED = /There are now \d+ accounts/g
const signal = AbortSignal.timeout(100_000)

function count(log: string, pattern: RegExp): number {
  return log.match(pattern)?.length ?? 0
}

const tokens = memoryTokens()
const httpPort = await answerChallenges(t, tokens)
const pebble = await startPebble(t, { folder: temporaryDirectory(t), httpPort, refusedNonces: 30 })

for (const [id, openEngine] of Object.entries(ENGINES)) {
  await t.test(id, async (t) => {
    const engine = await openEngine(t)

    await t.test('obtains a certificate by HTTP-01, also of a CA that refuses nonces', async (t) => {
      const issuer = openTestIssuer(t, engine, pebble, { tokens })
      const issued = await obtain(issuer, ['www.example.com'])
      const certificate = certificateFromPem({ name: 'www.example.com', issuer: issuer.id, ...issued })
      verifyIssued(certificate, Date.now())
      const chain = parseChain('www.example.com', certificate.chainPem)
      t.equal(chain.length, 2, 'the leaf and its intermediate')
      t.ok(chain.at(-1)?.verify(new X509Certificate(pebble.rootPem).publicKey), 'up to the root')
      t.match(issuer.id, /^acme:127\.0\.0\.1:\d+$/)
      t.ok(tokens.most > 0, 'the answer was given')
      t.equal(tokens.held.size, 0, 'and taken back')
    })

    await t.test('registers one account for many orders, and for the next start', async (t) => {
      const before = count(pebble.log(), REGISTERED)
      const issuer = openTestIssuer(t, engine, pebble, { tokens, email: 'many@example.com' })
      const names = Array.from({ length: 12 }, (_, index) => `many-${index}.${id}.example.com`)
      const chains = await Promise.all(names.map(async (name) => (await obtain(issuer, [name])).chainPem))
      for (const [index, pem] of chains.entries())
        t.equal(new X509Certificate(pem).checkHost(names[index] ?? ''), names[index])
      t.equal(issuer.accounts.held.size, 1)

      const next = openTestIssuer(t, engine, pebble, { tokens, accounts: issuer.accounts, email: 'many@example.com' })
      await obtain(next, ['next-start.example.com'])
      const [account] = issuer.accounts.held.values()
      t.equal(account?.email, 'many@example.com')
      t.equal(count(pebble.log(), REGISTERED) - before, 1)
      t.equal(tokens.held.size, 0)
    })

    await t.test('registers anew at a CA that has forgotten its account, and orders all the same', async (t) => {
      const issuer = openTestIssuer(t, engine, pebble, { tokens, email: 'forgotten@example.com' })
      const url = new URL('/my-account/forgotten', pebble.directoryUrl).href
      const { directoryUrl } = pebble
      await issuer.accounts.keepFirst({ directoryUrl, email: 'forgotten@example.com', url, privateKeyPem: makeKey() })
      const before = count(pebble.log(), REGISTERED)
      await obtain(issuer, ['first.example.com'])
      await obtain(issuer, ['second.example.com'])
      t.equal(count(pebble.log(), REGISTERED) - before, 1)
    })

    await t.test('several names, and one longer than a common name may be', async (t) => {
      const issuer = openTestIssuer(t, engine, pebble, { tokens })
      const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.example.com`
      for (const names of [['two.example.com', 'www.two.example.com'], [long]]) {
        const leaf = new X509Certificate((await obtain(issuer, names)).chainPem)
        for (const name of names) t.equal(leaf.checkHost(name, { subject: 'never' }), name)
      }
    })

    await t.test('revokes what it ordered, and with its own key what another account ordered', async (t) => {
      const issuer = openTestIssuer(t, engine, pebble, { tokens })
      const [own, others] = [await obtain(issuer, ['one.example.com']), await obtain(issuer, ['two.example.com'])]
      await issuer.revoke?.(own, 4, signal)
      await issuer.revoke?.(own, 4, signal)
      const another = openTestIssuer(t, engine, pebble, { tokens, email: 'another@example.com' })
      await another.revoke?.(others, 1, signal)
      for (const [{ chainPem }, reason] of [
        [own, 4],
        [others, 1],
      ] as const) {
        const { serialNumber } = new X509Certificate(chainPem)
        t.match(await pebble.statusOf(serialNumber), { Status: 'Revoked', Reason: reason })
      }
      t.match(await problemOf(another.revoke?.(others, 99, signal) ?? Promise.resolve()), { status: 400 })
      t.equal(await issuer.renewalInfo?.(own.chainPem, signal), undefined, 'pebble does not say when to renew')
    })

    await t.test('says what the CA saw when it looked', async (t) => {
      const unanswered = openTestIssuer(t, engine, pebble)
      const wrong = await problemOf(obtain(unanswered, ['nobody.example.com']))
      t.match(wrong, { kind: 'unauthorized', status: 403, subproblems: [{ name: 'nobody.example.com' }] })
      t.match(wrong.detail, /404/)
      t.equal(unanswered.tokens.held.size, 0)

      const alone = await startPebble(t, { folder: temporaryDirectory(t), httpPort: await freePort() })
      const away = await problemOf(obtain(openTestIssuer(t, engine, alone), ['away.example.com']))
      t.match(away, { kind: 'connection', subproblems: [{ name: 'away.example.com', kind: 'connection' }] })
    })

    await t.test('waits for a CA that takes its time, under an account that the CA gave out', async (t) => {
      const folder = temporaryDirectory(t)
      const externalAccounts = { [EXTERNAL.keyId]: EXTERNAL.hmac }
      const slow = await startPebble(t, { folder, httpPort, sleepS: 1, externalAccounts })
      const issuer = openTestIssuer(t, engine, slow, { tokens, externalAccount: EXTERNAL })
      const { chainPem } = await obtain(issuer, ['slow.example.com'])
      t.equal(new X509Certificate(chainPem).checkHost('slow.example.com'), 'slow.example.com')
      const stranger = await problemOf(obtain(openTestIssuer(t, engine, slow, { tokens }), ['x.example.com']))
      t.equal(stranger.kind, 'externalAccountRequired')
    })
  })
}
