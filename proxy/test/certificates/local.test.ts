import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { DAY_MS, makeCertificate, makeKey } from './factory.ts'
import type { LocalIssuer } from '../../src/certificates/issuers/local.ts'

const run = promisify(execFile)
const signal = AbortSignal.timeout(60_000)

async function issue(issuer: LocalIssuer, names: string[]): Promise<X509Certificate> {
  const { certificatePem } = await issuer.issue({ names, privateKeyPem: makeKey(), signal })
  return new X509Certificate(certificatePem)
}

await t.test('a root is made once and kept from everybody else', async (t) => {
  const folder = join(t.testdir(), 'data')
  const first = await openLocalIssuer(folder)
  const again = await openLocalIssuer(folder)
  t.equal(again.rootPem, first.rootPem)
  t.equal(again.id, first.id)
  t.match(first.id, /^local:[0-9a-f]{16}$/)
  t.equal(await readFile(first.rootFile, 'utf8'), first.rootPem)
  t.equal((await stat(join(folder, 'local-ca', 'root-key.pem'))).mode & 0o777, 0o600)
  t.equal((await stat(join(folder, 'local-ca'))).mode & 0o777, 0o700)
  t.same(await readdir(folder), ['local-ca'], 'nothing unfinished is left')

  const root = new X509Certificate(first.rootPem)
  t.equal(root.ca, true)
  t.match(root.subject, /^CN=blot-edge local CA \(.*\)$/)
  t.ok(root.subject.includes(hostname().slice(0, 20)), 'says which machine it is of')
  const days = (root.validToDate.getTime() - Date.now()) / DAY_MS
  t.ok(days > 3600 && days < 3700)
})

await t.test('processes that start at once get the same root', async (t) => {
  const folder = join(t.testdir(), 'data')
  const script = join(import.meta.dirname, 'make-root.ts')
  const started = await Promise.all(Array.from({ length: 3 }, () => run(process.execPath, [script, folder])))
  t.equal(new Set(started.map(({ stdout }) => stdout)).size, 1)
  t.same(await readdir(folder), ['local-ca'])
})

await t.test('issues leaves that openssl accepts, quickly', async (t) => {
  const folder = t.testdir()
  const issuer = await openLocalIssuer(folder)
  const leaf = await issue(issuer, ['garden.blot.localhost', '*.garden.blot.localhost', '127.0.0.1', '::1'])
  const leafFile = join(folder, 'leaf.pem')
  await writeFile(leafFile, leaf.toString())
  for (const [flag, name] of [
    ['-verify_hostname', 'garden.blot.localhost'],
    ['-verify_hostname', 'x.garden.blot.localhost'],
    ['-verify_ip', '127.0.0.1'],
    ['-verify_ip', '::1'],
  ] as const) {
    const flags = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', issuer.rootFile, flag, name, leafFile]
    const { stdout } = await run('openssl', flags)
    t.match(stdout, /: OK/, name)
  }
  await t.rejects(run('openssl', ['verify', '-CAfile', issuer.rootFile, '-verify_hostname', 'other.example', leafFile]))

  t.equal(leaf.ca, false)
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
  const days = (leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / DAY_MS
  t.ok(days > 6 && days < 8)
  const other = await issue(issuer, ['garden.blot.localhost'])
  t.not(other.serialNumber, leaf.serialNumber)
  t.equal(leaf.serialNumber.length, 32)

  const startedAtMs = performance.now()
  for (let count = 0; count < 20; count += 1) await issue(issuer, [`site-${count}.example`])
  t.comment(`${((performance.now() - startedAtMs) / 20).toFixed(1)} ms a leaf, key included`)
})

await t.test('a name longer than a common name may be is issued too', async (t) => {
  const folder = t.testdir()
  const issuer = await openLocalIssuer(folder)
  const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.example`
  const leaf = await issue(issuer, [name])
  t.notOk(leaf.subject)
  t.equal(leaf.checkHost(name, { subject: 'never' }), name)
  await writeFile(join(folder, 'leaf.pem'), leaf.toString())
  await run('openssl', ['verify', '-x509_strict', '-CAfile', issuer.rootFile, join(folder, 'leaf.pem')])
})

await t.test('no leaf outlives the root', async (t) => {
  const folder = t.testdir()
  const clock = { ms: Date.now() }
  const issuer = await openLocalIssuer(folder, () => clock.ms)
  const rootEndMs = new X509Certificate(issuer.rootPem).validToDate.getTime()
  clock.ms = rootEndMs - DAY_MS
  t.equal((await issue(issuer, ['one.example'])).validToDate.getTime(), rootEndMs)
  await t.rejects(
    openLocalIssuer(folder, () => rootEndMs + 1),
    { code: 'EDGE_ERR_LOCAL_ROOT_INVALID', message: /expired/ },
  )
})

await t.test('an aborted order is not carried out', async (t) => {
  const issuer = await openLocalIssuer(t.testdir())
  const aborted = AbortSignal.abort(new Error('enough'))
  await t.rejects(issuer.issue({ names: ['a.example'], privateKeyPem: makeKey(), signal: aborted }), {
    message: 'enough',
  })
})

await t.test('a root that cannot be used is told, and never replaced in silence', async (t) => {
  const folder = t.testdir()
  const { rootFile, rootPem } = await openLocalIssuer(folder)
  const keyFile = join(folder, 'local-ca', 'root-key.pem')
  const key = await readFile(keyFile, 'utf8')
  const leaf = await makeCertificate('leaf.example')
  const rows: [string, RegExp, () => Promise<void>][] = [
    ['another key', /not the key/, () => writeFile(keyFile, makeKey())],
    ['no key text', /does not parse/, () => writeFile(keyFile, 'x')],
    ['no CA', /not the key of a CA/, () => writeFile(rootFile, leaf.chainPem)],
    ['no certificate text', /does not parse/, () => writeFile(rootFile, 'x')],
    ['the key is gone', /root-key\.pem is missing/, () => rm(keyFile)],
    ['the certificate is gone', /root\.pem is missing/, () => rm(rootFile)],
  ]
  for (const [what, message, spoil] of rows) {
    await spoil()
    await t.rejects(openLocalIssuer(folder), { code: 'EDGE_ERR_LOCAL_ROOT_INVALID', message }, what)
    await writeFile(keyFile, key)
    await writeFile(rootFile, rootPem)
  }
  t.equal((await openLocalIssuer(folder)).rootPem, rootPem)
  await mkdir(join(folder, 'elsewhere'))
  await rename(join(folder, 'local-ca'), join(folder, 'elsewhere', 'local-ca'))
  t.not((await openLocalIssuer(folder)).rootPem, rootPem, 'a removed one is made anew')
  await chmod(folder, 0o700)
})
