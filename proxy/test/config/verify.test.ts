import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Mode } from '../../src/config.ts'
import { verifyConfig } from '../../src/config/verify.ts'
import { ConfigInvalid } from '../../src/errors.ts'
import { configure, leastForRun } from './configure.ts'

/** The faults that the machine has, as `variable: message`. */
async function faultsOf(environment: Record<string, string>, mode: Mode = 'dev'): Promise<string[]> {
  try {
    await verifyConfig(configure(environment, mode), mode)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.faults.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

/** A folder outside of this checkout, which is a git work tree, and with a path that is short enough for a socket. */
function temporaryFolder(t: Test): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'verify-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

/** A certificate for `*.blot.localhost` with its key, as files. */
function makePair(directory: string, name: string): { certificate: string; key: string } {
  const certificate = join(directory, `${name}.pem`)
  const key = join(directory, `${name}.key`)
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...ec, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' })
  return { certificate, key }
}

await t.test('folders that can be made are right, and none is made', async (t) => {
  const directory = temporaryFolder(t)
  t.strictSame(await faultsOf({ EDGE_DATA_DIRECTORY: join(directory, 'a/b/c') }), [])
  t.notOk(existsSync(join(directory, 'a')))
})

await t.test('a file where a folder has to be is named, for each folder', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')
  const environment = {
    EDGE_DATA_DIRECTORY: file,
    EDGE_STORE: `file:${file}/store`,
    EDGE_PID_FILE: `${file}/edge.pid`,
    EDGE_ADMIN: `unix:${file}/sock`,
  }
  t.strictSame(
    (await faultsOf(environment)).map((fault) => fault.split(':')[0]),
    ['EDGE_DATA_DIRECTORY', 'EDGE_STORE', 'EDGE_PID_FILE', 'EDGE_ADMIN'],
  )
})

await t.test('run keeps its certificates out of git work trees, also behind links', async (t) => {
  const directory = temporaryFolder(t)
  for (const folder of ['checkout/.git', 'checkout/src', 'outside'])
    mkdirSync(join(directory, folder), { recursive: true })
  symlinkSync(join(directory, 'checkout/src'), join(directory, 'link'))
  const message = `lies in the git work tree ${join(directory, 'checkout')}: choose a folder outside of it`
  const place = (folder: string): Record<string, string> => ({
    ...leastForRun,
    EDGE_DATA_DIRECTORY: join(directory, folder),
    EDGE_STORE: `file:${join(directory, folder, 'store')}`,
    EDGE_PID_FILE: join(directory, 'edge.pid'),
  })
  const both = [`EDGE_DATA_DIRECTORY: ${message}`, `EDGE_STORE: ${message}`]
  t.strictSame(await faultsOf(place('checkout/src/deep'), 'run'), both)
  t.strictSame(await faultsOf(place('link/data'), 'run'), both)
  t.strictSame(await faultsOf(place('outside/data'), 'run'), [])
  t.strictSame(await faultsOf({ EDGE_DATA_DIRECTORY: join(directory, 'checkout/data') }), [], 'dev may')
})

await t.test('a wildcard certificate has to be one, for these hosts, with its own key', async (t) => {
  const directory = t.testdir({ 'text.pem': 'no certificate' })
  const own = makePair(directory, '*.blot.localhost')
  const other = makePair(directory, '*.example.com')
  const text = join(directory, 'text.pem')
  const verify = (EDGE_WILDCARD_CERTIFICATE: string, EDGE_WILDCARD_KEY: string): Promise<string[]> =>
    faultsOf({ EDGE_DATA_DIRECTORY: directory, EDGE_WILDCARD_CERTIFICATE, EDGE_WILDCARD_KEY })

  t.strictSame(await verify(own.certificate, own.key), [])
  t.strictSame(await verify(join(directory, 'none'), own.key), ['EDGE_WILDCARD_CERTIFICATE: cannot be read (ENOENT)'])
  t.match(await verify(text, own.key), [/^EDGE_WILDCARD_CERTIFICATE: is not the PEM file it should be/])
  t.match(await verify(own.certificate, text), [/^EDGE_WILDCARD_KEY: is not the PEM file it should be/])
  t.match(await verify(own.certificate, other.key), [/^EDGE_WILDCARD_KEY: is not the key of /])
  t.strictSame(await verify(other.certificate, other.key), [
    'EDGE_WILDCARD_CERTIFICATE: does not cover *.blot.localhost',
  ])
})

await t.test('Diffie-Hellman parameters have to be some', async (t) => {
  const directory = t.testdir({ 'text.pem': 'none' })
  const good = join(directory, 'dh.pem')
  // A known group (RFC 7919): generating one would take minutes.
  const flags = ['-genparam', '-algorithm', 'DH', '-pkeyopt', 'group:ffdhe2048', '-out', good]
  execFileSync('openssl', ['genpkey', ...flags], { stdio: 'ignore' })
  const verify = (EDGE_DHPARAMS: string): Promise<string[]> =>
    faultsOf({ EDGE_DATA_DIRECTORY: directory, EDGE_DHPARAMS })
  t.strictSame(await verify(good), [])
  t.match(await verify(join(directory, 'text.pem')), [/^EDGE_DHPARAMS: is not the PEM file it should be/])
  t.strictSame(await verify(join(directory, 'none.pem')), ['EDGE_DHPARAMS: cannot be read (ENOENT)'])
  t.strictSame(await verify(directory), ['EDGE_DHPARAMS: cannot be read (EISDIR)'])
})

await t.test('what an ACME CA is believed by, and its DNS module, have to be there', async (t) => {
  const directory = t.testdir({ 'text.pem': 'none', 'dns.cjs': '' })
  const verify = (environment: Record<string, string>): Promise<string[]> =>
    faultsOf({ EDGE_DATA_DIRECTORY: directory, ...environment })
  t.match(await verify({ EDGE_ACME_CA: join(directory, 'text.pem') }), [/^EDGE_ACME_CA: is not the PEM file/])
  t.strictSame(await verify({ EDGE_ACME_CA: join(directory, 'none.pem') }), ['EDGE_ACME_CA: cannot be read (ENOENT)'])
  t.strictSame(await verify({ EDGE_DNS_MODULE: join(directory, 'dns.cjs') }), [])
  t.match(await verify({ EDGE_DNS_MODULE: 'acme-dns-01-missing' }), [
    /^EDGE_DNS_MODULE: is not installed in .* or above it \(MODULE_NOT_FOUND\): npm install acme-dns-01-missing$/,
  ])
})

await t.test('all faults of the machine come at once', async (t) => {
  const directory = temporaryFolder(t)
  mkdirSync(join(directory, '.git'))
  writeFileSync(join(directory, 'file'), '')
  writeFileSync(join(directory, 'c.pem'), '')
  const environment = {
    ...leastForRun,
    EDGE_DATA_DIRECTORY: join(directory, 'file'),
    EDGE_PID_FILE: join(directory, 'edge.pid'),
    EDGE_WILDCARD_CERTIFICATE: join(directory, 'c.pem'),
    EDGE_WILDCARD_KEY: join(directory, 'k.pem'),
    EDGE_DHPARAMS: join(directory, 'dh.pem'),
  }
  t.strictSame(
    (await faultsOf(environment, 'run')).map((fault) => fault.split(':')[0]),
    ['EDGE_DATA_DIRECTORY', 'EDGE_DATA_DIRECTORY', 'EDGE_WILDCARD_CERTIFICATE', 'EDGE_DHPARAMS'],
  )
})
