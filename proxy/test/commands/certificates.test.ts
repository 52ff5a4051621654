import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { CertificateStatus } from '../../src/certificates/contracts.ts'
import { readArguments } from '../../src/commands/arguments.ts'
import { certificates } from '../../src/commands/certificates.ts'
import { loadCommands } from '../../src/commands/index.ts'
import { renderError } from '../../src/commands/print.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { startEdge, temporaryDirectory, type RunningEdge } from '../integration/edge.ts'
import { visit } from '../integration/visitor.ts'
import { startRedis } from '../store/redis-server.ts'
import { call } from './call.ts'
import { runEdge, type Ran } from './run-edge.ts'

const commands = await loadCommands()

type Cli = (...args: string[]) => Promise<Ran>

function environmentOf(directory: string, extra: Record<string, string> = {}): Record<string, string> {
  return {
    BLOT_HOST: 'blot.example',
    BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
    BLOT_DATA_DIRECTORY: join(directory, 'data'),
    EDGE_DATA_DIRECTORY: join(directory, 'edge'),
    EDGE_STORE: `file:${join(directory, 'store')}`,
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_UPSTREAMS: 'http://127.0.0.1:9',
    EDGE_ISSUER: 'local',
    EDGE_PERMISSION: 'all',
    EDGE_WORKERS: '1',
    EDGE_USER: 'nobody',
    EDGE_PID_FILE: join(directory, 'edge.pid'),
    ...extra,
  }
}

function cli(environment: Record<string, string>): Cli {
  return (...args) => runEdge(['certificates', ...args, '--environment', '/dev/null'], { environment })
}

/** In this process: what asks a running edge needs no user of its own, and starts sooner. */
function callCli(environment: Record<string, string>): Cli {
  return async (...args) => {
    const request = readArguments(['certificates', ...args], commands)
    if (request?.kind !== 'run') throw new TypeError('no command')
    const { values, positionals } = request.parsed
    try {
      return await call(request.command, values, environment, positionals)
    } catch (error) {
      return { code: 1, stdout: '', stderr: renderError(error, process.stderr) }
    }
  }
}

/** Folders as an installation has them. */
function prepare(t: Test): string {
  const directory = temporaryDirectory(t)
  for (const folder of ['cache', 'data', 'edge', 'store']) mkdirSync(join(directory, folder))
  execFileSync('chown', ['nobody', join(directory, 'edge'), join(directory, 'store')])
  return directory
}

function lines<Line>(text: string): Line[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}

/** What lua-resty-auto-ssl wrote. */
function record(chainPem: string, privateKeyPem: string, more: object = {}): string {
  return JSON.stringify({ fullchain_pem: chainPem, privkey_pem: privateKeyPem, ...more })
}

await t.test('with an edge', async (t) => {
  const directory = prepare(t)
  const environment = environmentOf(directory)
  const edge: RunningEdge = await startEdge(t, { args: ['run'], directory, environment })
  const run = callCli({ ...environment, EDGE_ADMIN: `127.0.0.1:${edge.admin}` })

  await t.test('issue, list, show', async (t) => {
    const issued = await run('issue', 'Garden.example')
    t.match(issued, { code: 0, stdout: /^garden\.example: active until \d{4}-\d\d-\d\d\n/ })
    await visit({ port: edge.https, host: 'harbor.example' })
    const listed = await run('list', '--json')
    const names = lines<CertificateStatus>(listed.stdout).map(({ name }) => name)
    t.same(names.toSorted(), ['garden.example', 'harbor.example'])
    t.match((await run('list', '--search', 'garden')).stdout, /garden\.example {2}active {2}active until/)
    t.equal((await run('list', '--state', 'expired')).stdout, 'No certificates.\n')
    const shown = await run('show', 'garden.example', '--json')
    t.match(JSON.parse(shown.stdout), { name: 'garden.example', state: 'active', keyType: 'P-256' })
    t.match((await run('show', 'nobody.example')).stdout, /no certificate yet/)
  })

  await t.test('renew, and renew --all, one a line', async (t) => {
    const serial = async (): Promise<unknown> =>
      (JSON.parse((await run('show', 'garden.example', '--json')).stdout) as CertificateStatus).serial
    const before = await serial()
    t.equal((await run('renew', 'garden.example')).code, 0)
    t.not(await serial(), before)
    const all = await run('renew', '--all', '--per-minute', '600', '--json')
    t.match(lines(all.stdout), [
      { outcome: 'renewed', total: 2 },
      { outcome: 'renewed', done: 2 },
    ])
    t.same(lines((await run('renew', '--all', '--issuer', 'another', '--json')).stdout), [])
  })

  await t.test('remove: the next visitor has a new one obtained', async (t) => {
    t.equal((await run('remove', 'harbor.example')).code, 0)
    t.match(JSON.parse((await run('show', 'harbor.example', '--json')).stdout), { state: 'absent' })
    t.equal((await visit({ port: edge.https, host: 'harbor.example' })).reused, false)
    t.match(JSON.parse((await run('show', 'harbor.example', '--json')).stdout), { state: 'active' })
  })

  await t.test('a certificate of the operator’s own is served at once, and renew --all leaves it', async (t) => {
    const own = await makeCertificate('shop.example', { names: ['shop.example', 'www.shop.example', '*.shop.example'] })
    const [certificateFile, keyFile] = [join(directory, 'own.pem'), join(directory, 'own-key.pem')]
    writeFileSync(certificateFile, own.chainPem)
    writeFileSync(keyFile, own.privateKeyPem, { mode: 0o600 })
    await visit({ port: edge.https, host: 'shop.example' })
    t.match((await run('import', '--pem', certificateFile, keyFile, '--dry-run')).stdout, /2 {2}would be taken/)
    const taken = await run('import', '--pem', certificateFile, keyFile, '--json')
    t.match(lines(taken.stdout), [{ name: 'shop.example', outcome: 'taken' }, { name: 'www.shop.example' }])
    t.match(JSON.parse((await run('show', 'shop.example', '--json')).stdout), { issuer: 'own', serial: /./ })
    t.match(lines((await run('import', '--pem', certificateFile, keyFile, '--json')).stdout), [{ outcome: 'same' }, {}])
    const all = await run('renew', '--all', '--per-minute', '600', '--json')
    t.notMatch(all.stdout, 'shop.example')
    const wrongKey = await run('import', '--pem', certificateFile, join(directory, 'own.pem'))
    t.match(wrongKey, { code: 1, stdout: /the key does not parse/ })
  })

  await t.test('what the edge refuses is said in its words', async (t) => {
    const refused = await run('issue', '192.0.2.1')
    t.match(refused, { code: 1, stdout: '', stderr: /is no name that can have a certificate.*\(EDGE_ERR_[A-Z_]+\)\n$/ })
    t.match(await run('list', '--state', 'good'), { code: 1, stderr: /state is one or more of active/ })
  })
})

await t.test('without an edge', async (t) => {
  const directory = prepare(t)
  const redis = await startRedis(temporaryDirectory(t))
  t.teardown(() => redis.stop())
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  const good = await makeCertificate('good.example')
  const longer = await makeCertificate('again.example')
  const older = await makeCertificate('again.example', { daysLeft: 30 })
  const expired = await makeCertificate('expired.example', { daysLeft: -1 })
  const prefix = 's*l'
  const rsa = makeRsaChain(directory)
  await client.mset({
    [`${prefix}:good.example:latest`]: record(good.chainPem, good.privateKeyPem, { expiry: 1 }),
    [`${prefix}:rsa.example:latest`]: record(rsa.chainPem, rsa.privateKeyPem),
    [`${prefix}:again.example:latest`]: record(longer.chainPem, longer.privateKeyPem, { cert_pem: 'damaged' }),
    [`${prefix}:good.example:1700000000000`]: record(older.chainPem, older.privateKeyPem),
    [`${prefix}:expired.example:latest`]: record(expired.chainPem, expired.privateKeyPem),
    [`${prefix}:key.example:latest`]: record(good.chainPem, older.privateKeyPem),
    [`${prefix}:damaged.example:latest`]: '{"fullchain_pem": 1',
    'sxl:other.example:latest': record(good.chainPem, good.privateKeyPem),
  })
  const run = cli(environmentOf(directory, { EDGE_ADMIN: `unix:${join(directory, 'nobody.sock')}` }))
  const from = ['import', '--from', `redis://127.0.0.1:${redis.port}`, '--prefix', prefix]

  await t.test('import from lua-resty-auto-ssl: as a trial, not without a yes, then for good', async (t) => {
    const before = await client.dbsize()
    const tried = await run(...from, '--dry-run')
    t.match(tried, { code: 0, stdout: /3 {2}would be taken/ })
    t.match(tried.stdout, /expired\.example +.*it expired on/)
    t.match(tried.stdout, /key\.example +.*the key does not match/)
    t.match(tried.stdout, /damaged\.example +.*no fullchain_pem/)
    t.match(await run(...from), { code: 2, stderr: /nothing was taken.*--yes/ })
    t.equal((await run('list', '--json')).stdout, '')
    t.match(await run(...from, '--yes'), { code: 0, stdout: /3 {2}taken[^]*3 {2}skipped/ })
    t.match(await run(...from, '--yes'), { code: 0, stdout: /0 {2}taken\n +3 {2}there already/ })
    t.equal(await client.dbsize(), before, 'the source is as it was')
    const names = lines<CertificateStatus>((await run('list', '--json')).stdout).map(({ name }) => name)
    t.same(names.toSorted(), ['again.example', 'good.example', 'rsa.example'])
  })

  await t.test('its folder of files; an older one replaces no newer one', async (t) => {
    const storage = join(directory, 'storage')
    mkdirSync(storage, { mode: 0o700 })
    writeFileSync(join(storage, 'again.example%3Alatest'), record(older.chainPem, older.privateKeyPem))
    writeFileSync(join(storage, 'again.example%3A1700000000000'), 'history')
    const imported = await run('import', '--from', `file:${storage}`, '--yes')
    t.match(imported, { code: 0, stdout: /0 {2}taken\n +0 {2}there already\n +1 {2}older/ })
    const { notAfterMs } = JSON.parse((await run('show', 'again.example', '--json')).stdout) as CertificateStatus
    t.equal(notAfterMs, longer.notAfterMs)
  })

  await t.test('export writes pairs of PEM files that only their owner reads', async (t) => {
    const folder = join(directory, 'exported')
    const exported = await run('export', '--all', '--to', folder)
    t.match(exported, { code: 0, stdout: /^3 exported/ })
    t.equal(readFileSync(join(folder, 'good.example.pem'), 'utf8'), good.chainPem)
    t.equal(readFileSync(join(folder, 'good.example-key.pem'), 'utf8'), good.privateKeyPem)
    for (const file of ['good.example.pem', 'good.example-key.pem']) {
      t.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
    }
    t.equal(statSync(folder).mode & 0o777, 0o700)
    t.match(await run('export', 'nobody.example', '--to', folder), { code: 1, stderr: /no certificate for nobody/ })
    for (const { stdout, stderr } of [exported, await run('show', 'good.example', '--json')]) {
      t.notMatch(stdout + stderr, /PRIVATE KEY/)
    }
  })

  await t.test('an edge that starts then serves what was imported', async (t) => {
    const edge = await startEdge(t, {
      args: ['run'],
      directory,
      environment: { ...environmentOf(directory), EDGE_HOLD_MS: '0' },
    })
    const { status } = await visit({ port: edge.https, host: 'rsa.example', version: 'TLSv1.2' })
    t.equal(status, 502, 'there is no app')
    t.match(await run('issue', 'new.example'), { code: 1, stderr: /no edge is running here, and issue needs one/ })
  })
})

await t.test('wrong usage is told at once', async (t) => {
  const wrong: (readonly [words: string[], values?: Record<string, string | boolean>])[] = [
    [[]],
    [['lst']],
    [['show']],
    [['list', 'x']],
    [['list'], { to: '/x' }],
    [['renew']],
    [['renew', 'a.example'], { all: true }],
    [['import']],
    [['import'], { from: 'https://a.example' }],
    [['import', 'a.pem'], { pem: true }],
    [['export'], { all: true }],
  ]
  for (const [words, values = {}] of wrong) {
    await t.rejects(call(certificates, values, {}, words), { code: 'EDGE_ERR_USAGE_INVALID' }, words.join(' '))
  }
})

/** An RSA-4096 leaf behind an intermediate, as Let's Encrypt once issued them. */
function makeRsaChain(directory: string): { chainPem: string; privateKeyPem: string } {
  const path = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const subject = (name: string): string[] => ['-subj', `/CN=${name}`]
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
    '-days',
    '30',
    ...subject('CA'),
  )
  openssl(
    'req',
    '-newkey',
    'rsa:4096',
    '-nodes',
    '-keyout',
    path('rsa.key'),
    '-out',
    path('rsa.csr'),
    ...subject('rsa.example'),
  )
  writeFileSync(path('rsa.ext'), 'subjectAltName=DNS:rsa.example\n')
  openssl(
    'x509',
    '-req',
    '-in',
    path('rsa.csr'),
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-extfile',
    path('rsa.ext'),
    '-days',
    '20',
    '-out',
    path('rsa.pem'),
  )
  const read = (name: string): string => readFileSync(path(name), 'utf8')
  return { chainPem: read('rsa.pem') + read('ca.pem'), privateKeyPem: read('rsa.key') }
}
