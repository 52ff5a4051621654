import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import { promisify } from 'node:util'
import { join } from 'node:path'
import t from 'tap'
import { createCertificates } from '../../src/certificates/certificates.ts'
import { openFallback } from '../../src/certificates/fallback.ts'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { createObtainer } from '../../src/certificates/obtain.ts'
import { createPermission } from '../../src/certificates/permission.ts'
import { tlsSettings } from '../../src/certificates/secure-context.ts'
import { createUnwritten } from '../../src/certificates/unwritten.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { openStore } from '../../src/store/open.ts'
import { startRedis } from '../store/redis-server.ts'
import { makeCertificate } from './factory.ts'
import { pollUntil } from '../until.ts'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { HandshakeAnswer } from '../../src/certificates/certificates.ts'
import type { Issuer } from '../../src/certificates/contracts.ts'
import type { Config } from '../../src/config.ts'

const run = promisify(execFile)

/** The whole room behind a real TLS server, as the edge composes it. */
async function serve(t: Test, config: { store?: Config['store']; names?: string[]; dhparamsPem?: string } = {}) {
  const directory = t.testdir()
  const { names = [], dhparamsPem } = config
  const store = await openStore({
    store: config.store ?? { kind: 'file', directory: join(directory, 'store') },
    storePrefix: 'ssl',
    host: 'blot.localhost',
  })
  const local = await openLocalIssuer(directory)
  const issued: string[] = []
  const issuer: Issuer = {
    id: local.id,
    async issue(order) {
      issued.push(...order.names)
      return local.issue(order)
    },
  }
  const permission = createPermission({
    source: store.permission === undefined ? { kind: 'names', names } : { kind: 'store' },
    store: store.permission,
    own: { blotHost: 'blot.localhost', issuerKind: 'local', wildcard: false },
  })
  const obtainer = createObtainer({
    store,
    issuer,
    permission,
    unwritten: createUnwritten(await openFileVault(join(directory, 'unwritten'))),
  })
  const fallback = await openFallback({
    vault: await openFileVault(join(directory, 'fallback')),
    blotHost: 'blot.localhost',
    issuer: local,
  })
  const certificates = createCertificates({
    ...store,
    permission,
    obtain: (name, lane, signal) => obtainer.obtain(name, { lane }, signal),
    blotHost: 'blot.localhost',
    fallback,
    dhparamsPem,
    issuerKind: 'local',
    issuerId: local.id,
    issueWaitMs: 10_000,
  })
  const answers: HandshakeAnswer[] = []
  const present = async (name: string, done: (error: Error | null, context?: SecureContext) => void): Promise<void> => {
    const answer = await certificates.answer(name, '127.0.0.1')
    answers.push(answer)
    if (answer.outcome === 'refused') done(new Error(answer.alert))
    else done(null, answer.entry.context)
  }
  // A context chosen by name brings its certificate alone: versions and suites are those of the first one (OpenSSL).
  const first = { ...tlsSettings(dhparamsPem), key: fallback.privateKeyPem, cert: fallback.chainPem }
  const server = createServer({ ...first, SNICallback: (name, done) => void present(name, done) }, (socket) =>
    socket.end('hello'),
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  const { port } = address
  t.teardown(async () => {
    server.close()
    certificates.close()
    await obtainer.close()
    await store.close()
  })

  /** A visitor that trusts the local CA and nothing else. Rejects when the handshake fails. */
  async function visit(servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ port, host: '127.0.0.1', servername, ca: local.rootPem, ...options })
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }
  return { visit, certificates, answers, issued, store, port, rootFile: local.rootFile }
}

await t.test('a visitor gets a certificate for a name that was never seen, in well under a second', async (t) => {
  const { visit, answers, issued } = await serve(t, { names: ['garden.example', 'desert.example'] })
  await visit('desert.example')
  const startedAtMs = performance.now()
  const socket = await visit('garden.example')
  t.comment(`${(performance.now() - startedAtMs).toFixed(0)} ms from ClientHello to secure, both ends in this process`)
  t.equal(socket.authorized, true)
  t.equal(socket.getPeerCertificate().subjectaltname, 'DNS:garden.example')
  t.equal(socket.getProtocol(), 'TLSv1.3')
  await visit('GARDEN.example')
  t.same(
    answers.map(({ outcome }) => outcome),
    ['issued', 'issued', 'memory'],
  )
  t.same(issued, ['desert.example', 'garden.example'])
})

await t.test('50 visitors at once for one name: one certificate; for 50 names: all get theirs', async (t) => {
  const names = Array.from({ length: 50 }, (_, index) => `site-${index}.example`)
  const { visit, issued } = await serve(t, { names: ['one.example', ...names] })
  await Promise.all(names.map(() => visit('one.example')))
  t.same(issued, ['one.example'])
  const sockets = await Promise.all(names.map((name) => visit(name)))
  t.ok(sockets.every(({ authorized }) => authorized))
  t.equal(issued.length, 51)
})

await t.test(
  'a stranger is refused; a visitor without a name gets the fallback, which covers this machine',
  async (t) => {
    const { visit, answers } = await serve(t)
    await t.rejects(visit('stranger.example'))
    t.match(answers, [{ outcome: 'refused', alert: 'unrecognized_name' }])
    const socket = await visit('', { checkServerIdentity: () => undefined })
    t.equal(socket.authorized, true)
    t.match(socket.getPeerCertificate().subjectaltname, /DNS:localhost, IP Address:127\.0\.0\.1/)
    const localhost = await visit('localhost')
    t.equal(localhost.getPeerCertificate().subjectaltname, 'DNS:localhost')
  },
)

await t.test('only good protocol versions and suites', async (t) => {
  const { visit, port, rootFile } = await serve(t, { names: ['one.example'] })
  const old = await visit('one.example', { maxVersion: 'TLSv1.2' })
  t.match(old.getCipher().name, /^ECDHE-ECDSA-.*(GCM|POLY1305)/)
  const weak: ConnectionOptions[] = [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
  ]
  for (const options of weak) await t.rejects(visit('one.example', options), JSON.stringify(options))
  const flags = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'one.example', '-verify_return_error']
  const { stdout } = await run('openssl', [...flags, '-CAfile', rootFile, '-verify_hostname', 'one.example'], {
    timeout: 10_000,
  })
  t.match(stdout, /Verify return code: 0 \(ok\)/)
})

await t.test('DHE is offered with parameters of the operator alone', async (t) => {
  const { stdout: dhparamsPem } = await run('openssl', [
    'genpkey',
    '-genparam',
    '-algorithm',
    'DH',
    '-pkeyopt',
    'group:ffdhe2048',
  ])
  const selfSigned = 'req -x509 -newkey rsa:2048 -nodes -keyout - -out - -subj /CN=x -days 90 -addext'
  const { stdout: pem } = await run('openssl', [...selfSigned.split(' '), 'subjectAltName=DNS:rsa.example'])
  const chainPem = pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))
  const privateKeyPem = pem.slice(0, pem.indexOf('-----BEGIN CERTIFICATE'))
  const visitor: ConnectionOptions = { maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256', ca: chainPem }
  for (const offered of [true, false]) {
    const edge = await serve(t, { names: ['rsa.example'], ...(offered ? { dhparamsPem } : {}) })
    const template = await makeCertificate('rsa.example')
    await edge.store.vault.write({ ...template, chainPem, privateKeyPem })
    if (offered) t.equal((await edge.visit('rsa.example', visitor)).getCipher().name, 'DHE-RSA-AES128-GCM-SHA256')
    else await t.rejects(edge.visit('rsa.example', visitor))
  }
})

await t.test('a context that left memory goes on serving the connections that use it', async (t) => {
  const { visit, certificates, store } = await serve(t, { names: ['one.example'] })
  const socket = await visit('one.example')
  await store.vault.remove('one.example')
  certificates.changed({ kind: 'certificate', name: 'one.example' })
  await pollUntil(() => certificates.size().contexts === 0)
  const [greeting] = await once(socket, 'data')
  t.equal(String(greeting), 'hello')
  t.equal((await visit('one.example')).authorized, true)
})

await t.test('with redis: permitted by the keys of the app, served on from memory while redis is gone', async (t) => {
  const redis = await startRedis(t.testdir())
  t.teardown(() => redis.stop())
  const { visit, answers, store } = await serve(t, { store: { kind: 'redis', url: redis.url } })
  await t.rejects(visit('own.example'))
  const { Redis } = await import('ioredis')
  const app = new Redis(redis.url)
  await app.set('domain:theirs.example', 'blog_1')
  t.equal((await visit('theirs.example')).authorized, true)
  t.equal((await store.vault.read('theirs.example'))?.name, 'theirs.example')
  app.disconnect()
  await redis.stop()
  t.equal((await visit('theirs.example')).authorized, true)
  await t.rejects(visit('new.example'))
  t.match(answers.at(-1), { outcome: 'refused', alert: 'internal_error' })
})
