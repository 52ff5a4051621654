import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { makeLeaf } from '../../src/certificates/issuers/leaf.ts'
import { isDue, isExpired, isOfFormerLocalIssuer, renewalTimeMs } from '../../src/certificates/renewal.ts'
import { certificateFromPem, joinPem, verifyIssued } from '../../src/certificates/verify.ts'
import { DAY_MS, invalid, makeCertificate, makeKey } from './factory.ts'

await t.test('a certificate from PEM', async (t) => {
  const certificate = await makeCertificate('one.example', { names: ['two.example', 'one.example'] })
  const source = { ...certificate, issuer: 'local:1' }
  t.same(certificateFromPem(source), source)
  const bagAttributes = `subject=CN = one.example\n\n${certificate.chainPem}\nnotes below`
  t.equal(certificateFromPem({ ...source, chainPem: bagAttributes }).notAfterMs, certificate.notAfterMs)
})

await t.test('what must not be served', async (t) => {
  const good = await makeCertificate('one.example')
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  const rows: [string, Partial<typeof good>, RegExp][] = [
    ['no certificate', { chainPem: 'hello' }, /holds no certificate/],
    ['cut off', { chainPem: good.chainPem.slice(0, 300) }, /holds no certificate/],
    ['not DER', { chainPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, /does not parse/],
    ['an endless chain', { chainPem: good.chainPem.repeat(11) }, /too long/],
    ['no key', { privateKeyPem: '' }, /key does not parse/],
    ['half a key', { privateKeyPem: good.privateKeyPem.slice(0, 80) }, /key does not parse/],
    ['another key', { privateKeyPem: makeKey() }, /key does not match/],
    ['a weak key', { privateKeyPem: weak }, /1024 bits/],
    ['another name', { name: 'two.example' }, /does not cover/],
    ['a name below', { name: 'a.one.example' }, /does not cover/],
    ['a wildcard', { name: '*.one.example' }, /does not cover/],
    ['no name', { name: 'ONE.example' }, /not a name/],
  ]
  for (const [what, change, reason] of rows) {
    t.throws(() => certificateFromPem({ ...good, ...change }), invalid(reason), what)
  }
})

await t.test('only alternative names count, a wildcard for one label', async (t) => {
  const wildcard = await makeCertificate('*.example.com')
  t.equal(certificateFromPem({ ...wildcard, name: 'a.example.com' }).name, 'a.example.com')
  t.throws(() => certificateFromPem({ ...wildcard, name: 'example.com' }), invalid(/cover/))
  t.throws(() => certificateFromPem({ ...wildcard, name: 'a.b.example.com' }), invalid(/cover/))
  const subjectOnly = await makeCertificate('right.example', { names: ['right.example'] })
  const privateKeyPem = makeKey()
  const chainPem = await makeLeaf({
    names: ['127.0.0.1'],
    privateKeyPem,
    nowMs: Date.now(),
    notAfterMs: Date.now() + DAY_MS,
    signer: undefined,
  })
  t.throws(() => certificateFromPem({ ...subjectOnly, chainPem, privateKeyPem }), invalid(/cover/))
})

await t.test('no error shows a key', async (t) => {
  const good = await makeCertificate('one.example')
  try {
    certificateFromPem({ ...good, privateKeyPem: good.privateKeyPem.replace('\nM', '\nX') })
    t.fail('it passed')
  } catch (error) {
    t.ok(error instanceof Error && error.cause === undefined && !error.message.includes('PRIVATE'))
  }
})

await t.test('the fresh answer of a CA is checked further', async (t) => {
  const issuer = await openLocalIssuer(t.testdir())
  const privateKeyPem = makeKey()
  const signal = AbortSignal.timeout(10_000)
  const { certificatePem } = await issuer.issue({ names: ['one.example'], privateKeyPem, signal })
  const source = { name: 'one.example', privateKeyPem, issuer: 'x' }
  const stranger = await makeCertificate('stranger.example')

  const ordered = certificateFromPem({ ...source, chainPem: joinPem(certificatePem, issuer.rootPem) })
  verifyIssued(ordered, Date.now())
  const wrongChain = certificateFromPem({ ...source, chainPem: joinPem(certificatePem, stranger.chainPem) })
  t.throws(() => verifyIssued(wrongChain, Date.now()), invalid(/out of order/))
  t.throws(() => verifyIssued(ordered, Date.now() + 8 * DAY_MS), invalid(/expired/))
  t.throws(() => verifyIssued(ordered, Date.now() - DAY_MS), invalid(/not valid yet/))
})

await t.test('due at two thirds of the lifetime, whatever that is', async (t) => {
  const lives = [90, 6].map((days) => ({ notBeforeMs: 1_000, notAfterMs: 1_000 + days * DAY_MS }))
  for (const life of lives) {
    const dueMs = renewalTimeMs(life)
    t.equal(dueMs, 1_000 + ((life.notAfterMs - 1_000) * 2) / 3)
    t.equal(isDue(life, dueMs - 1), false)
    t.equal(isDue(life, dueMs), true)
    t.equal(isExpired(life, life.notAfterMs - 1), false)
    t.equal(isExpired(life, life.notAfterMs), true)
  }
})

await t.test('what a former local CA issued is told apart', async (t) => {
  t.equal(isOfFormerLocalIssuer({ issuer: 'local:1' }, 'local:2'), true)
  t.equal(isOfFormerLocalIssuer({ issuer: 'local:1' }, 'greenlock'), true)
  t.equal(isOfFormerLocalIssuer({ issuer: 'local:1' }, 'local:1'), false)
  t.equal(isOfFormerLocalIssuer({ issuer: 'greenlock' }, 'local:1'), false)
  t.equal(isOfFormerLocalIssuer({ issuer: undefined }, 'local:1'), false)
  t.equal(isOfFormerLocalIssuer({ issuer: 'local:1' }, undefined), false)
})
