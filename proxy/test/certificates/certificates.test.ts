import t from 'tap'
import { createCertificates } from '../../src/certificates/certificates.ts'
import { cachePermission } from '../../src/certificates/permission.ts'
import { CertificateBackOff, CertificateDenied, CertificateInvalid, StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel } from '../../src/events.ts'
import { DAY_MS, makeCertificate, makeKey, memoryVault } from './factory.ts'
import { pollUntil } from '../until.ts'
import type { Test } from 'tap'
import type { Certificates, CertificatesOptions } from '../../src/certificates/certificates.ts'

const ADDRESS = '192.0.2.1'
const fallback = await makeCertificate('blot.im')

/** The certificates of a worker whose neighbours a test commands: who permits, the vault, who obtains, the clock. */
function scripted(t: Test, options: Partial<CertificatesOptions> = {}) {
  const vault = memoryVault()
  const script = {
    vault,
    clock: { ms: Date.now() },
    asked: [] as string[],
    obtained: [] as string[],
    faults: [] as string[],
    permits: async (_name: string): Promise<boolean> => true,
    obtain: async (name: string, _signal: AbortSignal): Promise<void> => vault.write(await makeCertificate(name)),
  }
  const now = (): number => script.clock.ms
  const source = {
    ask: async (name: string) => {
      script.asked.push(name)
      return script.permits(name)
    },
  }
  const certificates = createCertificates({
    vault,
    permission: cachePermission(source, { timeoutMs: 1_000, now: options.monotonic ?? now }),
    obtain: async (name, _lane, signal) => {
      script.obtained.push(name)
      return script.obtain(name, signal)
    },
    fallback,
    blotHost: 'blot.im',
    issuerKind: 'local',
    issueWaitMs: 5_000,
    now,
    monotonic: now,
    ...options,
  })
  t.teardown(() => certificates.close())
  t.teardown(edgeChannel('fault').subscribe(({ message, name }) => script.faults.push(`${message}: ${name}`)))
  return { certificates, script }
}

/** An answer in words: outcome, the certificate's name or the alert, and the reason. */
async function answer(certificates: Certificates, name: string | undefined, address = ADDRESS): Promise<string> {
  const answer = await certificates.answer(name, address)
  const what = answer.outcome === 'refused' ? answer.alert : answer.entry.name
  return [answer.outcome, what, answer.reason].filter((word) => word !== undefined).join(' | ')
}

await t.test('which answer: malformed, or not ours', async (t) => {
  const { certificates, script } = scripted(t)
  for (const name of ['127.0.0.1', 'com', 'a..example', 'www.www.example.com', '*.example.com']) {
    t.equal(await answer(certificates, name), 'refused | unrecognized_name | malformed server name')
  }
  t.same(script.asked, [], 'nobody is asked about those')
  script.permits = async () => false
  t.equal(await answer(certificates, 'stranger.example'), 'refused | unrecognized_name | not permitted')
  t.same(script.obtained, [], 'a denied name costs no order')
  t.equal(script.vault.reads, 0)
})

await t.test('which answer: no server name', async (t) => {
  const { certificates } = scripted(t)
  t.equal(await answer(certificates, undefined), 'fallback | blot.im | no server name')
  t.equal(await answer(certificates, ''), 'fallback | blot.im | no server name')
  t.equal(certificates.fallback.name, 'blot.im')
})

await t.test('which answer: stored, then from memory without any question', async (t) => {
  const { certificates, script } = scripted(t)
  await script.vault.write(await makeCertificate('own.example'))
  t.equal(certificates.select('own.example'), undefined)
  t.equal(await answer(certificates, 'OWN.example.'), 'stored | own.example')
  t.equal(await answer(certificates, 'own.example'), 'memory | own.example')
  t.equal(certificates.select('own.example')?.covers('own.example'), true)
  t.equal(certificates.select('own.example')?.covers('other.example'), false)
  t.equal(script.asked.length, 1)
  t.equal(script.vault.reads, 1)
  t.equal(certificates.size().contexts, 1)
})

await t.test('which answer: obtained within the handshake', async (t) => {
  const { certificates, script } = scripted(t)
  t.equal(await answer(certificates, 'new.example'), 'issued | new.example')
  t.equal(await answer(certificates, 'new.example'), 'memory | new.example')
  t.equal(await answer(certificates, 'localhost'), 'issued | localhost')
  t.same(script.obtained, ['new.example', 'localhost'])
})

await t.test('50 handshakes for one new name: one question, one order', async (t) => {
  const { certificates, script } = scripted(t)
  const answers = await Promise.all(Array.from({ length: 50 }, () => answer(certificates, 'new.example')))
  t.same(new Set(answers), new Set(['issued | new.example']))
  t.same(script.asked, ['new.example'])
  t.same(script.obtained, ['new.example'])
})

await t.test('which answer: ours but not ready, or failed', async (t) => {
  const { certificates, script } = scripted(t, { issueWaitMs: 20 })
  const { promise, resolve } = Promise.withResolvers<void>()
  const { obtain } = script
  script.obtain = async (name, signal) => promise.then(() => obtain(name, signal))
  t.equal(await answer(certificates, 'slow.example'), 'fallback | blot.im | not ready in time')
  resolve()
  await pollUntil(() => certificates.select('slow.example') !== undefined)
  t.equal(await answer(certificates, 'slow.example'), 'memory | slow.example', 'the order went on')

  script.obtain = async () => Promise.reject(new CertificateInvalid('broken.example', 'the CA is odd'))
  t.equal(await answer(certificates, 'broken.example'), 'fallback | blot.im | EDGE_ERR_CERTIFICATE_INVALID')
  script.obtain = async () => {}
  t.equal(await answer(certificates, 'empty.example'), 'fallback | blot.im | no usable certificate after obtaining')
  script.obtain = async (name) => Promise.reject(new CertificateDenied(name))
  t.equal(await answer(certificates, 'withdrawn.example'), 'refused | unrecognized_name | not permitted')
})

await t.test('which answer: nobody obtains', async (t) => {
  const { certificates, script } = scripted(t, { issuerKind: 'none' })
  await script.vault.write(await makeCertificate('stored.example'))
  t.equal(await answer(certificates, 'stored.example'), 'stored | stored.example')
  t.equal(await answer(certificates, 'absent.example'), 'fallback | blot.im | no certificate in the vault')
  t.equal(await answer(certificates, 'localhost'), 'refused | unrecognized_name | malformed server name')
  t.same(script.obtained, [])
})

await t.test('which answer: the store is away', async (t) => {
  const { certificates, script } = scripted(t)
  script.permits = async () => Promise.reject(new StoreUnavailable('gone'))
  t.equal(await answer(certificates, 'own.example'), 'refused | internal_error | EDGE_ERR_PERMISSION_UNAVAILABLE')
  script.permits = async () => true
  script.vault.read = async () => Promise.reject(new StoreUnavailable('gone'))
  t.equal(await answer(certificates, 'own.example'), 'refused | internal_error | EDGE_ERR_STORE_UNAVAILABLE')
  t.same(script.obtained, [])
})

await t.test('which answer: the store is away, this machine has a copy', async (t) => {
  const copies = memoryVault()
  const { certificates, script } = scripted(t, { copies })
  await copies.write(await makeCertificate('own.example'))
  script.permits = async () => Promise.reject(new StoreUnavailable('gone'))
  t.equal(await answer(certificates, 'own.example'), 'stored | own.example | EDGE_ERR_PERMISSION_UNAVAILABLE')
  t.equal(await answer(certificates, 'other.example'), 'refused | internal_error | EDGE_ERR_PERMISSION_UNAVAILABLE')
  script.permits = async () => false
  t.equal(await answer(certificates, 'own.example'), 'memory | own.example')
  await pollUntil(() => certificates.select('own.example') === undefined)
  t.equal(await answer(certificates, 'own.example'), 'refused | unrecognized_name | not permitted')
})

await t.test('a stored certificate that cannot be served is a fault, and obtained anew', async (t) => {
  const { certificates, script } = scripted(t)
  const { read } = script.vault
  script.vault.read = async () => {
    script.vault.read = read
    throw new CertificateInvalid('bad.example', 'the key does not match')
  }
  t.equal(await answer(certificates, 'bad.example'), 'issued | bad.example')
  t.same(script.faults, ['stored certificate cannot be used: bad.example'])
})

await t.test('what a former local CA issued is obtained anew', async (t) => {
  const { certificates, script } = scripted(t, { issuerId: 'local:2' })
  script.obtain = async (name) => script.vault.write(await makeCertificate(name, { issuer: 'local:2' }))
  await script.vault.write(await makeCertificate('old.example', { issuer: 'local:1' }))
  await script.vault.write(await makeCertificate('imported.example'))
  t.equal(await answer(certificates, 'old.example'), 'issued | old.example')
  t.equal(await answer(certificates, 'imported.example'), 'stored | imported.example')
})

await t.test('a due certificate is served at once and renewed in the background', async (t) => {
  const { certificates, script } = scripted(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const { obtain } = script
  script.obtain = async (name, signal) => promise.then(() => obtain(name, signal))
  const due = await makeCertificate('due.example', { daysLeft: 10 })
  await script.vault.write(due)
  t.equal(await answer(certificates, 'due.example'), 'stored | due.example')
  t.same(script.obtained, ['due.example'], 'at once, also when nobody comes again')
  t.equal(certificates.select('due.example')?.notAfterMs, due.notAfterMs)
  resolve()
  await pollUntil(() => certificates.select('due.example')?.notAfterMs !== due.notAfterMs)
  t.same(script.faults, [])
  t.same(script.obtained, ['due.example'])
})

await t.test('an expired certificate is served, with an alarm, until its renewal succeeds', async (t) => {
  const { certificates, script } = scripted(t)
  const { obtain } = script
  script.obtain = async () => Promise.reject(new Error('the CA is away'))
  const expired = await makeCertificate('expired.example', { daysLeft: -1 })
  await script.vault.write(expired)
  t.equal(await answer(certificates, 'expired.example'), 'stored | expired.example')
  await pollUntil(() => script.faults.length === 1)
  t.same(script.faults, ['expired certificate is served: expired.example'])
  t.equal(await answer(certificates, 'expired.example'), 'memory | expired.example')
  t.equal(script.obtained.length, 1, 'not again at every handshake')

  script.obtain = obtain
  script.clock.ms += 5 * 60_000
  t.equal(await answer(certificates, 'expired.example'), 'memory | expired.example')
  await pollUntil(() => certificates.select('expired.example')?.notAfterMs !== expired.notAfterMs)
})

await t.test('without an issuer, what another program renewed is taken over', async (t) => {
  const { certificates, script } = scripted(t, { issuerKind: 'none' })
  const due = await makeCertificate('due.example', { daysLeft: 10 })
  await script.vault.write(due)
  t.equal(await answer(certificates, 'due.example'), 'stored | due.example')
  const renewed = await makeCertificate('due.example')
  await script.vault.write(renewed)
  script.clock.ms += 5 * 60_000
  certificates.select('due.example')
  await pollUntil(() => certificates.select('due.example')?.notAfterMs === renewed.notAfterMs)
})

await t.test('in memory, permission is asked again every 5 minutes, on use', async (t) => {
  const { certificates, script } = scripted(t)
  t.equal(await answer(certificates, 'own.example'), 'issued | own.example')
  script.clock.ms += 5 * 60_000 - 1
  certificates.select('own.example')
  t.equal(script.asked.length, 1)
  script.clock.ms += 1
  t.ok(certificates.select('own.example'))
  await pollUntil(() => script.asked.length === 2)
  t.ok(certificates.select('own.example'), 'still permitted')

  script.clock.ms += 5 * 60_000
  script.permits = async () => Promise.reject(new StoreUnavailable('gone'))
  certificates.select('own.example')
  await pollUntil(() => script.asked.length === 3)
  t.ok(certificates.select('own.example'), 'nobody can say: it goes on')

  script.clock.ms += 5 * 60_000
  script.permits = async () => false
  t.equal(await answer(certificates, 'own.example'), 'memory | own.example')
  await pollUntil(() => certificates.select('own.example') === undefined)
  t.equal(await answer(certificates, 'own.example'), 'refused | unrecognized_name | not permitted')
})

await t.test('a clock that is set, forward or back, puts off no look, and brings none about', async (t) => {
  const steady = { ms: 0 }
  const { certificates, script } = scripted(t, { monotonic: () => steady.ms })
  script.clock.ms += DAY_MS
  const fallenBack = 'fallback | blot.im | EDGE_ERR_CERTIFICATE_BACK_OFF'
  t.equal(await answer(certificates, 'own.example'), 'issued | own.example')
  script.obtain = async (name) => Promise.reject(new CertificateBackOff(name, 'dns', 60))
  t.equal(await answer(certificates, 'broken.example'), fallenBack)
  script.clock.ms -= DAY_MS
  certificates.select('own.example')
  t.equal(await answer(certificates, 'broken.example'), fallenBack)
  t.same(script.asked, ['own.example', 'broken.example'])

  steady.ms += 5 * 60_000
  certificates.select('own.example')
  t.same(script.asked, ['own.example', 'broken.example', 'own.example'])
  t.equal(await answer(certificates, 'broken.example'), fallenBack)
  t.same(script.obtained, ['own.example', 'broken.example', 'broken.example'])
})

await t.test('a permission that was withdrawn counts at once', async (t) => {
  const { certificates, script } = scripted(t)
  await answer(certificates, 'own.example')
  script.permits = async () => false
  certificates.changed({ kind: 'permission', name: 'own.example' })
  await pollUntil(() => certificates.select('own.example') === undefined)
  t.equal(await answer(certificates, 'own.example'), 'refused | unrecognized_name | not permitted')
  script.permits = async () => true
  certificates.changed({ kind: 'permission', name: 'own.example' })
  t.match(await answer(certificates, 'own.example'), /^stored/, 'and so does one that was given')
})

await t.test('what was under way when a permission changed is not kept', async (t) => {
  const { certificates, script } = scripted(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const { read } = script.vault
  const old = await makeCertificate('own.example')
  const reading = Promise.withResolvers<void>()
  script.vault.read = async () => {
    reading.resolve()
    return promise.then(() => old)
  }
  const early = answer(certificates, 'own.example')
  await reading.promise
  certificates.changed({ kind: 'permission', name: 'own.example' })
  script.vault.read = read
  resolve()
  t.equal(await early, 'stored | own.example')
  t.equal(certificates.select('own.example'), undefined)
})

await t.test('a certificate that changed in the store is taken over, one that was removed is dropped', async (t) => {
  const { certificates, script } = scripted(t)
  await answer(certificates, 'own.example')
  const first = certificates.select('own.example')
  certificates.changed({ kind: 'certificate', name: 'own.example' })
  await pollUntil(() => script.vault.reads === 3)
  t.equal(certificates.select('own.example'), first, 'the same one costs no new context')
  const other = await makeCertificate('own.example', { daysLeft: 30 })
  await script.vault.write(other)
  certificates.changed({ kind: 'certificate', name: 'own.example' })
  await pollUntil(() => certificates.select('own.example')?.notAfterMs === other.notAfterMs)
  await script.vault.remove('own.example')
  certificates.changed({ kind: 'certificate', name: 'own.example' })
  await pollUntil(() => certificates.select('own.example') === undefined)
})

await t.test('a change that arrives while the old certificate is being read is not missed', async (t) => {
  const { certificates, script } = scripted(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  const { read } = script.vault
  const old = await makeCertificate('own.example', { daysLeft: 80 })
  const reading = Promise.withResolvers<void>()
  script.vault.read = async () => {
    reading.resolve()
    return promise.then(() => old)
  }
  const early = answer(certificates, 'own.example')
  await reading.promise
  const renewed = await makeCertificate('own.example')
  await script.vault.write(renewed)
  script.vault.read = read
  certificates.changed({ kind: 'certificate', name: 'own.example' })
  resolve()
  await early
  await pollUntil(() => certificates.select('own.example')?.notAfterMs === renewed.notAfterMs)
})

await t.test('after a gap, everything in memory is looked at again', async (t) => {
  const { certificates, script } = scripted(t)
  const names = Array.from({ length: 40 }, (_, index) => `site-${index}.example`)
  for (const name of names) await answer(certificates, name)
  const renewed = await makeCertificate('site-7.example', { daysLeft: 30 })
  await script.vault.write(renewed)
  script.permits = async (name) => name !== 'site-8.example'
  certificates.changed({ kind: 'all' })
  await pollUntil(() => certificates.select('site-7.example')?.notAfterMs === renewed.notAfterMs)
  await pollUntil(() => certificates.select('site-8.example') === undefined)
  await pollUntil(() => script.asked.length === 80)
  t.equal(certificates.size().contexts, 39)
})

await t.test('a name that failed is answered without a question until it may have changed', async (t) => {
  const { certificates, script } = scripted(t)
  script.obtain = async (name) => Promise.reject(new CertificateBackOff(name, 'dns', 60))
  const fallenBack = 'fallback | blot.im | EDGE_ERR_CERTIFICATE_BACK_OFF'
  t.equal(await answer(certificates, 'broken.example'), fallenBack)
  for (let visit = 0; visit < 10; visit += 1) t.equal(await answer(certificates, 'broken.example'), fallenBack)
  t.equal(script.obtained.length, 1)
  t.equal(script.vault.reads, 1)
  await script.vault.write(await makeCertificate('broken.example'))
  certificates.changed({ kind: 'certificate', name: 'broken.example' })
  t.equal(await answer(certificates, 'broken.example'), 'stored | broken.example')
})

await t.test('random labels under one domain are refused before any question; real names are not', async (t) => {
  const { certificates, script } = scripted(t)
  const real = new Set([
    'shop.victim.co.uk',
    'www.victim.co.uk',
    'victim.co.uk',
    'new.victim.co.uk',
    'quiet.victim.co.uk',
    'a.blot.im',
  ])
  script.permits = async (name) => real.has(name)
  t.match(await answer(certificates, 'shop.victim.co.uk'), /issued/)
  for (let guess = 0; guess < 100; guess += 1) await answer(certificates, `x${guess}.victim.co.uk`)
  t.ok(script.asked.length < 25, `${script.asked.length} questions`)
  const before = script.asked.length
  t.equal(await answer(certificates, 'y.victim.co.uk'), 'refused | unrecognized_name | a scan of this domain')
  t.equal(script.asked.length, before)
  for (const name of ['shop.victim.co.uk', 'www.victim.co.uk', 'victim.co.uk']) {
    t.match(await answer(certificates, name), /memory|issued/, name)
  }
  await script.vault.remove('shop.victim.co.uk')
  certificates.changed({ kind: 'certificate', name: 'shop.victim.co.uk' })
  await pollUntil(() => certificates.select('shop.victim.co.uk') === undefined)
  t.match(await answer(certificates, 'shop.victim.co.uk'), /issued/, 'known to be permitted, though out of memory')
  t.match(await answer(certificates, 'other.co.uk'), /not permitted/, 'another domain is asked about')
  t.match(await answer(certificates, 'quiet.victim.co.uk', '198.51.100.9'), /issued/, 'a visitor is not the scanner')
  script.clock.ms += 3_000
  t.match(await answer(certificates, 'new.victim.co.uk'), /issued/, 'a new one gets its turn')
  for (let guess = 0; guess < 30; guess += 1) await answer(certificates, `x${guess}.blot.im`)
  t.match(await answer(certificates, 'a.blot.im'), /issued/, 'handles are many')
})

await t.test('a wildcard certificate covers handles of one label, with no question', async (t) => {
  const wildcard = await makeCertificate('*.blot.im', { names: ['*.blot.im', 'blot.im'] })
  const { certificates, script } = scripted(t, { wildcard, fallback: wildcard })
  t.equal(await answer(certificates, 'garden.blot.im'), 'memory | *.blot.im')
  t.equal(await answer(certificates, 'preview-x.blot.im'), 'memory | *.blot.im')
  t.equal(await answer(certificates, 'blot.im'), 'memory | *.blot.im')
  t.same(script.asked, [])
  const entry = certificates.select('garden.blot.im')
  t.equal(entry?.covers('desert.blot.im'), true)
  t.equal(entry?.covers('a.garden.blot.im'), false)
  t.equal(entry?.covers('own.example'), false)
  t.equal(await answer(certificates, 'a.garden.blot.im'), 'issued | a.garden.blot.im')
  t.equal(await answer(certificates, undefined), 'fallback | *.blot.im | no server name')
})

await t.test('an expired wildcard certificate is an alarm, and names get their own', async (t) => {
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe(({ message }) => faults.push(message)))
  const { certificates } = scripted(t, { wildcard: await makeCertificate('*.blot.im', { daysLeft: -1 }) })
  t.same(faults, ['expired certificate is served'])
  t.equal(await answer(certificates, 'garden.blot.im'), 'issued | garden.blot.im')
})

await t.test('a due fallback certificate is replaced in the background', async (t) => {
  const due = await makeCertificate('blot.im', { daysLeft: 10 })
  let made = 0
  const renewFallback = async (): Promise<typeof due> => {
    made += 1
    if (made === 1) throw new Error('disk full')
    return makeCertificate('blot.im')
  }
  const { certificates, script } = scripted(t, { fallback: due, renewFallback })
  t.equal(certificates.fallback.notAfterMs, due.notAfterMs)
  await pollUntil(() => script.faults.length === 1)
  t.equal(certificates.fallback.notAfterMs, due.notAfterMs)
  t.equal(made, 1)
  script.clock.ms += 5 * 60_000
  t.equal(certificates.fallback.notAfterMs, due.notAfterMs)
  await pollUntil(() => certificates.fallback.notAfterMs > due.notAfterMs + DAY_MS)
})

await t.test('handshakes that wait are bounded: in all, by address, by domain', async (t) => {
  const waiting = { total: 6, perAddress: 2, perDomain: 3 }
  const { certificates, script } = scripted(t, { waiting })
  const { promise, resolve } = Promise.withResolvers<boolean>()
  script.permits = async () => promise
  const held: Promise<string>[] = []
  const hold = (name: string, address: string): unknown => held.push(answer(certificates, name, address))

  hold('one.example', '192.0.2.1')
  hold('two.example', '192.0.2.1')
  t.match(await answer(certificates, 'three.example', '192.0.2.1'), /internal_error \| too many .* this address/)
  hold('a.crowd.example', '192.0.2.2')
  hold('b.crowd.example', '192.0.2.3')
  hold('c.d.crowd.example', '192.0.2.4')
  t.match(await answer(certificates, 'e.crowd.example', '192.0.2.5'), /internal_error \| too many .* this domain/)
  hold('six.example', '192.0.2.5')
  t.match(await answer(certificates, 'seven.example', '192.0.2.6'), /internal_error \| too many handshakes wait/)
  resolve(true)
  t.ok((await Promise.all(held)).every((words) => words.startsWith('issued')))
  t.match(await answer(certificates, 'three.example', '192.0.2.1'), /issued/, 'places are given back')
})
await t.test('names in work are bounded, also after their handshakes left', async (t) => {
  const waiting = { total: 3, perAddress: 3, perDomain: 3 }
  const { certificates, script } = scripted(t, { waiting, issueWaitMs: 5 })
  script.obtain = async (_name, signal) => new Promise((_, reject) => signal.addEventListener('abort', reject))
  for (const name of ['a.one.example', 'b.two.example', 'c.three.example']) {
    t.match(await answer(certificates, name), /not ready in time/)
  }
  t.match(await answer(certificates, 'a.four.example'), /internal_error \| too many names are in work/)
  t.match(await answer(certificates, 'a.one.example'), /not ready in time/, 'who joins takes no place')
})

await t.test('10,000 names in one run: as many contexts as allowed, the least used leave', async (t) => {
  const shared = await makeCertificate('*.many.example')
  const { certificates, script } = scripted(t, { maxContexts: 100 })
  script.vault.read = async (name) => ({ ...shared, name })
  const before = process.memoryUsage().rss
  for (let index = 0; index < 10_000; index += 1) {
    const { outcome } = await certificates.answer(`site-${index}.many.example`, ADDRESS)
    if (outcome !== 'stored') t.fail(outcome)
    certificates.select('site-0.many.example')
    if (index % 50 === 0) await new Promise(setImmediate)
  }
  t.equal(certificates.size().contexts, 100)
  t.ok(certificates.size().bytes < 100 * 40 * 1024)
  t.ok(certificates.select('site-0.many.example'), 'what is used stays')
  t.notOk(certificates.select('site-9000.many.example'))
  const grownMiB = Math.round((process.memoryUsage().rss - before) / 2 ** 20)
  t.comment(`grown by ${grownMiB} MiB`)
  t.ok(grownMiB < 300, 'what leaves is freed: 10,000 contexts take 350 MiB')
  const bounded = scripted(t, { maxContexts: 100, maxContextBytes: 200_000 })
  bounded.script.vault.read = async (name) => ({ ...shared, name })
  for (let index = 0; index < 20; index += 1) await bounded.certificates.answer(`s${index}.many.example`, ADDRESS)
  t.ok(bounded.certificates.size().bytes <= 200_000)
  t.ok(bounded.certificates.size().contexts > 0)
})

await t.test('an unusable fallback certificate is told at once', async (t) => {
  t.throws(() => scripted(t, { fallback: { ...fallback, privateKeyPem: makeKey() } }), {
    code: 'EDGE_ERR_CERTIFICATE_INVALID',
  })
})
