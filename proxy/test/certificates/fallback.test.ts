import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readCertificateFiles } from '../../src/certificates/certificate-files.ts'
import { openFallback } from '../../src/certificates/fallback.ts'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { DAY_MS, invalid, makeCertificate, makeKey } from './factory.ts'
import type { StoredCertificate } from '../../src/certificates/contracts.ts'

const covered = ({ chainPem }: StoredCertificate): string | undefined => new X509Certificate(chainPem).subjectAltName

await t.test('self-signed where there is no CA: made once, and anew before it expires', async (t) => {
  const vault = await openFileVault(join(t.testdir(), 'fallback'))
  const clock = { ms: Date.now() }
  const open = (): Promise<StoredCertificate> => openFallback({ vault, blotHost: 'blot.im', now: () => clock.ms })
  const first = await open()
  t.equal(covered(first), 'DNS:blot.im, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  t.same(await open(), first)
  clock.ms += 200 * DAY_MS
  t.same(await open(), first)
  clock.ms += 100 * DAY_MS
  const second = await open()
  t.not(second.chainPem, first.chainPem)
  t.ok(second.notAfterMs > first.notAfterMs)
})

await t.test('signed by the local CA where there is one', async (t) => {
  const folder = t.testdir()
  const vault = await openFileVault(join(folder, 'fallback'))
  const selfSigned = await openFallback({ vault, blotHost: 'blot.localhost' })
  const issuer = await openLocalIssuer(folder)
  const signed = await openFallback({ vault, blotHost: 'blot.localhost', issuer })
  t.not(signed.chainPem, selfSigned.chainPem)
  t.equal(signed.issuer, issuer.id)
  const root = new X509Certificate(issuer.rootPem)
  t.equal(new X509Certificate(signed.chainPem).verify(root.publicKey), true)
  t.match(covered(signed), /DNS:blot\.localhost, DNS:localhost, IP Address:127\.0\.0\.1/)
  t.same(await openFallback({ vault, blotHost: 'blot.localhost', issuer }), signed)
})

await t.test('a damaged one is made anew', async (t) => {
  const folder = join(t.testdir(), 'fallback')
  const vault = await openFileVault(folder)
  const first = await openFallback({ vault, blotHost: 'blot.im' })
  await writeFile(join(folder, 'blot.im.json'), '{}')
  const second = await openFallback({ vault, blotHost: 'blot.im' })
  t.not(second.chainPem, first.chainPem)
  t.same(await vault.read('blot.im'), second)
})

await t.test("an operator's own files", async (t) => {
  const folder = t.testdir()
  const wildcard = await makeCertificate('*.blot.im')
  const files = { certificateFile: join(folder, 'c.pem'), keyFile: join(folder, 'k.pem') }
  await t.rejects(readCertificateFiles('*.blot.im', files), invalid(/c\.pem is missing/))
  await writeFile(files.certificateFile, wildcard.chainPem)
  await t.rejects(readCertificateFiles('*.blot.im', files), invalid(/k\.pem is missing/))
  await writeFile(files.keyFile, makeKey())
  await t.rejects(readCertificateFiles('*.blot.im', files), invalid(/key does not match/))
  await writeFile(files.keyFile, wildcard.privateKeyPem)
  t.match(await readCertificateFiles('*.blot.im', files), { name: '*.blot.im', notAfterMs: wildcard.notAfterMs })
  await t.rejects(readCertificateFiles('*.elsewhere.im', files), invalid(/does not cover/))
})
