import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { StatusReport } from '../../src/admin/contracts.ts'
import { maintenance } from '../../src/commands/maintenance.ts'
import { pollUntil } from '../until.ts'
import { call } from '../commands/call.ts'
import { ask } from './client.ts'
import { productionEnvironment, startEdge, type RunningEdge, temporaryDirectory } from './edge.ts'

/** What an operator sets by hand: maintenance, a wildcard certificate, Diffie-Hellman parameters. */

/** The 2048-bit group of RFC 7919, appendix A.1, as a parameter file. */
const FFDHE2048 = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`

/** A production edge whose app is away, with the cache folder of one customer. */
async function startWithCache(t: Test, environment: Record<string, string>): Promise<RunningEdge> {
  const directory = mkdtempSync(join(tmpdir(), 'blot-edge-operator-'))
  chmodSync(directory, 0o755)
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const folder = join(directory, 'cache/customer.example')
  for (const kind of ['permanent', 'temporary']) mkdirSync(join(folder, 'https', kind, 'post'), { recursive: true })
  writeFileSync(join(folder, 'https/temporary/post/index.html'), 'a page of the app')
  writeFileSync(join(folder, 'https/permanent/picture.png'), 'a picture')
  mkdirSync(join(directory, 'files/.git'), { recursive: true })
  writeFileSync(join(directory, 'files/.git/config'), 'a secret')
  writeFileSync(join(directory, 'outside.html'), 'a secret')
  writeFileSync(join(directory, 'files/paper.pdf'), 'a paper')
  symlinkSync('../../outside.html', join(directory, 'files/outside.html'))
  symlinkSync('../../files', join(folder, 'folder'))
  return startEdge(t, {
    args: ['run'],
    directory,
    environment: {
      ...productionEnvironment(directory),
      BLOT_HOST: 'blot.example',
      EDGE_UPSTREAMS: 'http://127.0.0.1:9',
      ...environment,
    },
  })
}

await t.test('page files and links in the cache folder are delivered, and nothing beside them', async (t) => {
  const edge = await startWithCache(t, {})
  const get = (path: string): ReturnType<typeof ask> =>
    ask({ port: edge.https, host: 'customer.example', ca: edge.ca, path })
  const page = { text: 'a page of the app', headers: { 'cache-control': 'no-cache', 'blot-cache': 'HIT' } }
  t.match(await get('/post'), page)
  t.match(await get('/picture.png'), { text: 'a picture', headers: { 'cache-control': /max-age=31536000/ } })
  t.match(await get('/paper.pdf'), { text: 'a paper', headers: { 'content-type': 'application/pdf' } })
  for (const path of [
    '/.git/config',
    '/outside.html',
    '/%2e%2e/outside.html',
    '/..%2foutside.html',
    '/%2egit/config',
  ]) {
    t.notMatch((await get(path)).text, /secret/, path)
  }
})

await t.test('in maintenance the page says so, and what is cached is still served', async (t) => {
  const edge = await startWithCache(t, {})
  const site = { port: edge.https, host: 'customer.example', ca: edge.ca }
  const command = (...words: string[]) =>
    call(maintenance, { 'retry-after': words[1], json: true }, { EDGE_ADMIN: `127.0.0.1:${edge.admin}` }, [
      words[0] ?? '',
    ])
  t.match(await ask(site), { status: 502 }, 'the app is away')
  t.match(JSON.parse((await command('on', '600')).stdout), { on: true, by: ['switch'], retryAfter: 600 })

  async function servesMaintenance(): Promise<void> {
    for (const protocol of ['https/1.1', 'h2'] as const) {
      const page = await ask({ ...site, protocol, headers: { accept: 'text/html' } })
      t.match(page, { status: 503, headers: { 'retry-after': '600', 'content-type': /^text\/html/ } })
      t.match(page.text, /<!doctype html>[^]*10 minutes/i)
      t.equal((await ask({ ...site, protocol, path: '/post' })).text, 'a page of the app')
    }
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    t.match(await ask({ ...site, headers: upgrade }), { status: 503, headers: { 'retry-after': '600' } })
    t.match(await ask({ ...site, host: 'localhost', path: '/health', ca: edge.ca }), { status: 200 })
    const purge = {
      port: edge.http,
      host: '127.0.0.1',
      path: '/purge?host=other.example',
      protocol: 'http/1.1' as const,
    }
    t.match(await ask(purge), { status: 200 })
  }
  await servesMaintenance()

  for (const id of ['worker-1', 'manager']) {
    const before = await pidOf(edge, id)
    process.kill(before, 'SIGKILL')
    await pollUntil(async () => (await pidOf(edge, id).catch(() => before)) !== before)
  }
  await servesMaintenance()
  t.match(JSON.parse((await command('off')).stdout), { on: false })
  t.match(await ask(site), { status: 502 })
})

/** Of a process that runs. */
async function pidOf(edge: RunningEdge, id: string): Promise<number> {
  const { text } = await ask({ port: edge.admin, host: '127.0.0.1', path: '/status', protocol: 'http/1.1' })
  const { processes } = JSON.parse(text) as StatusReport
  const found = processes.find((one) => one.id === id && one.state === 'running')
  if (found === undefined) throw new Error(`${id} does not run`)
  return found.pid
}

await t.test('a wildcard certificate covers handles, and is the fallback', async (t) => {
  const directory = temporaryDirectory(t)
  const { certificateFile, keyFile } = makeCertificate(directory, ['*.blot.localhost', 'blot.localhost'])
  const dhparams = join(directory, 'dhparams.pem')
  writeFileSync(dhparams, FFDHE2048)
  const edge = await startEdge(t, {
    args: ['dev'],
    directory,
    environment: {
      EDGE_WILDCARD_CERTIFICATE: certificateFile,
      EDGE_WILDCARD_KEY: keyFile,
      EDGE_DHPARAMS: dhparams,
    },
  })
  const ca = readFileSync(certificateFile, 'utf8')
  const handle = await ask({ port: edge.https, host: 'garden.blot.localhost', ca })
  t.equal(handle.status, 200)
  t.match(handle.certificate, /DNS:\*\.blot\.localhost/)
  const own = await ask({ port: edge.https, host: 'harbor-notes.localhost', ca: edge.ca })
  t.match(own.certificate, /DNS:harbor-notes\.localhost/, 'a customer’s domain has its own')

  const options = { port: edge.https, host: '127.0.0.1', rejectUnauthorized: false }
  const nameless = tls.connect(options)
  await once(nameless, 'secureConnect')
  t.match(nameless.getPeerCertificate().subjectaltname, /\*\.blot\.localhost/, 'the fallback')
  nameless.destroy()

  const old = tls.connect({ ...options, maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256' })
  await once(old, 'secureConnect')
  t.match(old.getEphemeralKeyInfo(), { type: 'DH', size: 2048 }, 'the parameters are used')
  old.destroy()
})

function makeCertificate(directory: string, names: readonly string[]): { certificateFile: string; keyFile: string } {
  const [certificateFile, keyFile] = [join(directory, 'wildcard.pem'), join(directory, 'wildcard-key.pem')]
  const subject = ['-subj', '/CN=wildcard', '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`]
  const files = ['-keyout', keyFile, '-out', certificateFile]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...subject, ...files], {
    stdio: 'ignore',
  })
  return { certificateFile, keyFile }
}
