import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { CertificateStatus } from '../../src/certificates/contracts.ts'
import { doctor } from '../../src/commands/doctor.ts'
import { examineFolders } from '../../src/commands/doctor/cache-folder.ts'
import type { Diagnosis } from '../../src/commands/doctor/diagnosis.ts'
import { examineEnvironment } from '../../src/commands/doctor/environment.ts'
import { examineExpiry, judgeCertificates } from '../../src/commands/doctor/expiry.ts'
import { examineKernel } from '../../src/commands/doctor/kernel.ts'
import { examineKeys } from '../../src/commands/doctor/keys.ts'
import type { Machine } from '../../src/commands/doctor/machine.ts'
import { examineNames } from '../../src/commands/doctor/names.ts'
import { examineRedis, judgeRedis } from '../../src/commands/doctor/redis.ts'
import { examineRunBits } from '../../src/commands/doctor/run-bits.ts'
import { examineServed } from '../../src/commands/doctor/served.ts'
import { examineSupervision } from '../../src/commands/doctor/supervision.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from '../store/redis-server.ts'
import { call } from './call.ts'
import { root } from './run-edge.ts'

const self = userInfo().username

type Given = { config?: Partial<Machine['config']>; text?: Record<string, string>; mode?: Machine['mode'] }

/** A machine of its own in a folder: `/proc`, `/etc` and Blot's folder begin there. */
function machineIn(directory: string, { config = {}, text = {}, mode = 'run' }: Given = {}): Machine {
  const texts: Record<string, string> = { BLOT_DIRECTORY: join(directory, 'blot'), BLOT_USER: self, ...text }
  return {
    mode,
    config: { user: self, ...config },
    origins: [],
    environmentFile: join(directory, 'environment.sh'),
    text: (name) => texts[name],
    release: join(directory, 'release'),
    system: join(directory, 'system'),
  }
}

function put(path: string, content = '', mode = 0o644): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

function folder(path: string, mode = 0o755): string {
  mkdirSync(path, { recursive: true })
  chmodSync(path, mode)
  return path
}

/** `fail: message`, of what was said about one thing. */
function said(found: readonly Diagnosis[], subject: string): string {
  return found
    .filter((one) => one.subject === subject)
    .map(({ state, message }) => `${state}: ${message}`)
    .join('; ')
}

async function fixAll(found: readonly Diagnosis[]): Promise<void> {
  for (const { fix } of found) await fix?.()
}

await t.test('an environment file with secrets that everybody can read is a failure, and mended', async (t) => {
  const machine = machineIn(temporaryDirectory(t))
  t.match(said(await examineEnvironment(machine), machine.environmentFile), /^warn: is not there/)
  put(machine.environmentFile, 'export BLOT_PURGE_TOKEN=hunter2hunter2\n')
  const found = await examineEnvironment(machine)
  t.match(said(found, machine.environmentFile), /^fail: holds secrets and can be read by everybody/)
  t.notMatch(JSON.stringify(found), /hunter2/)
  await fixAll(found)
  t.equal(statSync(machine.environmentFile).mode & 0o777, 0o640)
  t.match(said(await examineEnvironment(machine), machine.environmentFile), /^ok/)
})

await t.test('flags.json is missed beside the other files of Blot, and compared with the environment', async (t) => {
  const machine = machineIn(temporaryDirectory(t), { text: { BLOT_CACHE: 'true' } })
  const path = join(machine.text('BLOT_DIRECTORY') ?? '', 'config/flags.json')
  t.match(said(await examineEnvironment(machine), path), /^ok: is not needed/)
  folder(join(path, '..'))
  t.match(said(await examineEnvironment(machine), path), /^fail: is missing/)
  put(path, '{"cache": false}')
  t.match(said(await examineEnvironment(machine), path), /^warn: says otherwise .*cache is false, BLOT_CACHE true/)
  put(path, '{"cache": true')
  t.match(said(await examineEnvironment(machine), path), /^fail: is no JSON/)
  put(path, '{"cache": true}')
  t.match(said(await examineEnvironment(machine), path), /^ok/)
  t.match(said(await examineEnvironment(machine), join(path, '../secrets')), /^warn: is missing/)
})

await t.test('secrets of the app that everybody can read are a failure, an empty folder is told', async (t) => {
  const machine = machineIn(temporaryDirectory(t))
  const secrets = folder(join(machine.text('BLOT_DIRECTORY') ?? '', 'config/secrets'))
  t.match(said(await examineEnvironment(machine), secrets), /^warn: is empty/)
  put(join(secrets, 'dropbox.json'))
  const found = await examineEnvironment(machine)
  t.match(said(found, secrets), /^fail: can be read by everybody: dropbox.json/)
  await fixAll(found)
  t.match(said(await examineEnvironment(machine), secrets), /^ok/)
})

await t.test('the cache folder: absent, a dead link, a file, closed, open, in order', async (t) => {
  const directory = temporaryDirectory(t)
  const cache = join(directory, 'cache')
  const machine = machineIn(directory, { config: { cacheDirectory: cache, pageFiles: true, diskCacheBytes: 1 } })
  t.match(said(await examineFolders(machine), cache), /^fail: is not there/)
  symlinkSync(join(directory, 'elsewhere'), cache)
  t.match(said(await examineFolders(machine), cache), /^fail: is a link to .*elsewhere, which is not there/)
  put(join(directory, 'elsewhere'))
  t.match(said(await examineFolders(machine), cache), /fail: is no folder/)
  execFileSync('rm', [join(directory, 'elsewhere')])
  folder(join(directory, 'elsewhere'), 0o755)
  t.match(said(await examineFolders(machine), cache), /^ok: is a link to .*; warn: is open to everybody \(0755\)/)
  chmodSync(join(directory, 'elsewhere'), 0o2750)
  t.match(said(await examineFolders(machine), cache), /; ok: is in order$/)
  t.match(said(await examineFolders(machine), `room at ${cache}`), /^(ok|warn): has .* free/)
  const own = folder(join(cache, '.edge'), 0o755)
  t.match(said(await examineFolders(machine), own), /^fail: must be the edge's own, 0700, and is 0755/)
})

await t.test('folders that another user must reach are judged by owner, group and mode', async (t) => {
  const directory = temporaryDirectory(t)
  const system = join(directory, 'system')
  put(join(system, 'etc/passwd'), 'blot:x:5001:5001::/:/bin/sh\nblot-edge:x:5002:5002::/:/bin/sh\n')
  put(join(system, 'etc/group'), 'blot:x:5001:\nblot-edge:x:5002:\n')
  const cache = folder(join(directory, 'cache'), 0o700)
  const config = { cacheDirectory: cache, pageFiles: true, diskCacheBytes: 0, user: 'blot-edge' }
  const found = await examineFolders(machineIn(directory, { config, text: { BLOT_USER: 'blot' } }))
  const isRoot = process.getuid?.() === 0
  // Whoever is not root runs the edge as itself, which may read the folder; the app's user may not write in it.
  t.match(said(found, cache), isRoot ? /^fail: cannot be read by blot-edge/ : /^fail: cannot be written by blot,/)
  const fixes = found.filter(({ subject, fix }) => subject === cache && fix !== undefined)
  t.equal(fixes.length, isRoot ? 1 : 0)
  if (!isRoot) return
  await fixAll(fixes)
  const { uid, gid, mode } = statSync(cache)
  t.same([uid, gid, mode & 0o7777], [5001, 5002, 0o2750])
  chmodSync(cache, 0o0750)
  const again = await examineFolders(machineIn(directory, { config, text: { BLOT_USER: 'blot' } }))
  t.match(said(again, cache), /^fail: does not give what is made in it to the group blot-edge \(0750\)/)
})

await t.test('keys that others may read are a failure, and mended', async (t) => {
  const directory = temporaryDirectory(t)
  const data = folder(join(directory, 'edge'), 0o755)
  const keyFile = put(join(directory, 'wildcard.key'))
  const machine = machineIn(directory, { config: { dataDirectory: data, wildcard: { keyFile, certificateFile: '' } } })
  const found = await examineKeys(machine)
  t.match(said(found, data), /^fail: is open to others \(0755\)/)
  t.match(said(found, keyFile), /^fail: can be read by everybody/)
  await fixAll(found)
  put(join(data, 'local-ca/root.pem'))
  t.match(said(await examineKeys(machine), data), /^ok/, 'what the local CA hands out is no key')
  const inner = put(join(data, 'store/certificates/a.example.pem'))
  const again = await examineKeys(machine)
  t.match(said(again, data), /^fail: holds files that others may read: store\/certificates\/a\.example\.pem/)
  t.match(said(again, keyFile), /^ok/)
  await fixAll(again)
  t.equal(statSync(inner).mode & 0o777, 0o600)
  t.match(said(await examineKeys(machine), data), /^ok/)
})

await t.test('keys, secrets and repositories in what is served are found', async (t) => {
  const directory = temporaryDirectory(t)
  const cache = join(directory, 'cache')
  const data = folder(join(directory, 'edge'), 0o700)
  const blog = folder(join(directory, 'blogs/one'))
  folder(join(cache, 'one.example'))
  symlinkSync(blog, join(cache, 'one.example/folder'))
  const machine = machineIn(directory, { config: { cacheDirectory: cache, dataDirectory: data } })
  t.match(said(await examineServed(machine), 'what is served'), /^ok/)
  folder(join(blog, '.git'))
  put(join(blog, '.env'), 'TOKEN=x')
  const key = put(join(blog, 'server.key'), '-----BEGIN EC PRIVATE KEY-----\n')
  put(join(blog, 'public.pem'), '-----BEGIN CERTIFICATE-----\n')
  const found = await examineServed(machine)
  t.match(said(found, join(blog, '.git')), /^warn: is a repository/)
  t.match(said(found, join(blog, '.env')), /^warn: is a file of secrets/)
  t.match(said(found, key), /^fail: is a private key/)
  t.equal(found.length, 3)
  symlinkSync(directory, join(cache, 'one.example/static'))
  const leading = said(await examineServed(machine), join(cache, 'one.example/static'))
  t.match(leading, /^fail: leads to .*, which holds or lies in/)
})

await t.test('a script without its run bit is found, and mended', async (t) => {
  const machine = machineIn(temporaryDirectory(t))
  const script = put(join(machine.release, 'ops/deploy/reboot'), '#!/bin/sh\n')
  put(join(machine.release, 'ops/README.md'), 'words\n')
  put(join(machine.release, 'ops/lib/common.sh'), '#!/bin/sh\n')
  const found = await examineRunBits(machine)
  t.match(said(found, script), /^fail: is a script that cannot be run/)
  t.equal(found.length, 1)
  await fixAll(found)
  t.match(said(await examineRunBits(machine), 'scripts'), /^ok: 1 can be run/)
})

await t.test('settings of the kernel that Redis misses are told where Redis is', async (t) => {
  const directory = temporaryDirectory(t)
  const system = join(directory, 'system')
  put(join(system, 'proc/sys/vm/overcommit_memory'), '0\n')
  put(join(system, 'sys/kernel/mm/transparent_hugepage/enabled'), '[always] madvise never\n')
  put(join(system, 'proc/swaps'), 'Filename Type Size Used Priority\n')
  put(join(system, 'proc/self/limits'), 'Max open files            1024                 1024                 files\n')
  const local = { store: { kind: 'redis', url: 'redis://127.0.0.1:6379' } } as const
  const found = await examineKernel(machineIn(directory, { config: local }))
  t.match(said(found, 'vm.overcommit_memory'), /^warn: is 0/)
  t.match(said(found, 'transparent huge pages'), /^warn: are always on/)
  t.match(said(found, 'swap'), /^warn/)
  t.match(said(found, 'open files'), /^fail: at most 1024/)
  put(join(system, 'proc/sys/vm/overcommit_memory'), '1\n')
  put(join(system, 'sys/kernel/mm/transparent_hugepage/enabled'), 'always madvise [never]\n')
  put(join(system, 'proc/swaps'), 'Filename Type Size Used Priority\n/swapfile file 4194300 0 -2\n')
  put(join(system, 'proc/self/limits'), 'Max open files            1024                 65536                files\n')
  const good = await examineKernel(machineIn(directory, { config: local }))
  t.ok(good.every(({ state }) => state === 'ok'))
  const remote = { store: { kind: 'redis', url: 'redis://10.0.0.1:6379' } } as const
  t.equal(
    (await examineKernel(machineIn(directory, { config: remote }))).length,
    2,
    'a Redis elsewhere is not ours to tune',
  )
})

await t.test('a Redis that saves nothing and evicts keys is a failure', async (t) => {
  const directory = temporaryDirectory(t)
  const redis = await startRedis(directory, {
    password: 'hunter2',
    flags: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
  })
  t.teardown(() => redis.stop())
  const machine = machineIn(directory, { config: { store: { kind: 'redis', url: redis.url } } })
  const found = await examineRedis(machine)
  t.match(said(found, 'Redis'), /fail: saves nothing; fail: removes keys .*allkeys-lru.*; ok: has the same time/)
  t.notMatch(JSON.stringify(found), /hunter2/)
})

await t.test('what Redis says of itself is judged', async (t) => {
  const sound = {
    version: '7.0',
    isReplica: false,
    isPersistent: true,
    isAppending: true,
    hasFailedToSave: false,
    maxMemoryBytes: 0,
    usedMemoryBytes: 1,
    evictionPolicy: 'noeviction',
    isOpenToAll: false,
    clock: { theirsMs: 5, oursMs: 0 },
  }
  const states = (change: object, keepsWebhooks = true): string =>
    judgeRedis('r', { ...sound, ...change }, keepsWebhooks)
      .map(({ state }) => state)
      .join(' ')
  t.equal(states({}), 'ok ok ok')
  t.equal(states({ hasFailedToSave: true }), 'fail ok ok')
  t.equal(states({ isPersistent: undefined }), 'ok ok ok')
  t.equal(states({ isAppending: false }), 'warn ok ok', 'webhooks were acknowledged')
  t.equal(states({ isAppending: false }, false), 'ok ok ok')
  t.equal(states({ maxMemoryBytes: 100, usedMemoryBytes: 95 }), 'ok warn ok')
  t.equal(states({ clock: { theirsMs: 0, oursMs: 60_000 } }), 'ok ok fail')
  t.equal(states({ isReplica: true, isOpenToAll: true }), 'ok ok ok fail fail')
})

await t.test('certificates that end soon or have ended are told, and no more than ten of a kind', async (t) => {
  const day = 86_400_000
  const status = (name: string, daysLeft: number): CertificateStatus => ({
    name,
    state: daysLeft > 0 ? 'active' : 'expired',
    words: 'words',
    issuer: 'acme',
    serial: '1',
    names: [name],
    keyType: undefined,
    notBeforeMs: (daysLeft - 90) * day,
    notAfterMs: daysLeft * day,
    renewAtMs: undefined,
    failure: undefined,
  })
  t.same(judgeCertificates([status('a.example', 60)], 0), [
    { state: 'ok', subject: 'certificates', message: '1, none about to end' },
  ])
  const found = judgeCertificates([status('a.example', 5), status('b.example', -1)], 0)
  t.same(
    found.map(({ state, subject }) => `${state} ${subject}`),
    ['fail certificate of b.example', 'warn certificate of a.example'],
  )
  const many = judgeCertificates(
    Array.from({ length: 30 }, (_, i) => status(`${i}.example`, -1)),
    0,
  )
  t.equal(many.length, 11)
  t.match(many.at(-1), { state: 'fail', message: /^20 more/ })
  t.match(await examineExpiry(machineIn('/nowhere'), undefined), [
    { state: 'ok', message: /^are not looked at for dev/ },
  ])
  const unknown = await examineExpiry(machineIn('/nowhere'), () => Promise.reject(new Error('no store')))
  t.match(said(unknown, 'certificates'), /^warn: cannot be listed: no store/)
})

await t.test('a wildcard certificate in a file is told when it ends', async (t) => {
  const directory = temporaryDirectory(t)
  const [certificateFile, keyFile] = [join(directory, 'w.pem'), join(directory, 'w.key')]
  const make = (days: string): void => {
    const subject = ['-subj', '/CN=*.blot.example', '-days', days]
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...subject]
    execFileSync('openssl', [...args, '-keyout', keyFile, '-out', certificateFile], { stdio: 'ignore' })
  }
  const machine = machineIn(directory, { config: { wildcard: { certificateFile, keyFile }, host: 'blot.example' } })
  make('90')
  t.match(said(await examineExpiry(machine, () => Promise.resolve([])), certificateFile), /^ok: is valid until/)
})

await t.test('handles without a wildcard certificate are told of, where a CA counts', async (t) => {
  const name = '*.blot.example'
  const judge = async (config: Partial<Machine['config']>, state?: CertificateStatus['state']): Promise<string> => {
    const all = state === undefined ? [] : [{ name, state } as CertificateStatus]
    const machine = machineIn('/nowhere', { config: { host: 'blot.example', issuer: 'acme', ...config } })
    return said(await examineExpiry(machine, () => Promise.resolve(all)), `certificate of ${name}`)
  }
  const dnsModule = { name: 'acme-dns-01-test', directory: '/nowhere' } as Machine['config']['dnsModule'] & object
  t.match(await judge({}), /^warn: is not provided for/)
  t.match(await judge({ dnsModule }), /^warn: is not there yet/)
  t.match(await judge({ dnsModule }, 'active'), /^ok: is there/)
  t.equal(await judge({ issuer: 'local' }), '')
})

await t.test('names of the site are asked in the DNS', async (t) => {
  const server = createSocket('udp4')
  t.teardown(() => server.close())
  // Answers A with 127.0.0.1 for the host itself, 192.0.2.1 for www, and nothing else.
  server.on('message', (question, peer) => server.send(answerDns(question), peer.port, peer.address))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const servers = [`127.0.0.1:${server.address().port}`]
  const found = await examineNames(machineIn('/nowhere', { config: { host: 'blot.example', issuer: 'acme' } }), servers)
  t.match(said(found, 'DNS of blot.example'), /^ok: is 127\.0\.0\.1: this machine/)
  t.match(said(found, 'DNS of www.blot.example'), /^warn: is 192\.0\.2\.1, which this machine does not have/)
  t.match(said(found, 'DNS of *.blot.example'), /^warn: has no address/)
  t.same(await examineNames(machineIn('/nowhere', { config: { host: 'blot.localhost' } }), servers), [])
})

await t.test('who starts the edge at boot and who watches it', async (t) => {
  const directory = temporaryDirectory(t)
  const machine = machineIn(directory)
  t.match(said(await examineSupervision(machine), 'start at boot'), /^warn: neither/)
  put(join(machine.system, 'etc/systemd/system/blot-edge.service'))
  t.match(said(await examineSupervision(machine), 'start at boot'), /^warn: .* not enabled/)
  put(join(machine.system, 'etc/systemd/system/multi-user.target.wants/blot-edge.service'))
  put(join(machine.system, 'etc/monit/conf.d/blot'), 'check process blot-edge with pidfile /run/blot-edge.pid\n')
  const found = await examineSupervision(machine)
  t.ok(found.every(({ state }) => state === 'ok'))
  folder(join(machine.system, 'opt/blot-edge'))
  symlinkSync('releases/gone', join(machine.system, 'opt/blot-edge/unfinished'))
  const cutOff = (await examineSupervision(machine)).find(({ subject }) => subject === 'deploy')
  t.match(cutOff, { state: 'warn', mend: /deploy --recover$/ })
})

await t.test('what mends names scripts and units that are there', (t) => {
  const sources = join(import.meta.dirname, '../../src/commands/doctor')
  const text = readdirSync(sources)
    .map((name) => readFileSync(join(sources, name), 'utf8'))
    .join('')
  const scripts = [...text.matchAll(/\/opt\/blot-edge\/current\/(ops\/[\w./-]*\w)/g)].map(([, path = '']) => path)
  const units = [...text.matchAll(/\b(blot-[\w-]+(?:@\*?)?)\.(?:service|socket)\b/g)].map(([unit]) => unit)
  t.ok(scripts.length > 3 && units.length > 2)
  for (const script of scripts) t.ok(statSync(join(root, script)).mode & 0o111, script)
  for (const unit of units) t.ok(statSync(join(root, 'ops/systemd', unit)).isFile(), unit)
  t.end()
})

await t.test('the command: a row a finding, exit code 1 with a failure, and --fix mends', async (t) => {
  const directory = temporaryDirectory(t)
  const data = folder(join(directory, 'edge'), 0o755)
  const environment = {
    BLOT_HOST: 'blot.localhost',
    BLOT_DIRECTORY: join(directory, 'blot'),
    BLOT_CACHE_DIRECTORY: folder(join(directory, 'cache'), 0o2750),
    BLOT_DATA_DIRECTORY: join(directory, 'data'),
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_HTTP_PORT: '0',
    EDGE_HTTPS_PORT: '0',
    EDGE_ADMIN: '127.0.0.1:0',
    EDGE_DATA_DIRECTORY: data,
    EDGE_STORE: `file:${join(data, 'store')}`,
    EDGE_PID_FILE: join(directory, 'edge.pid'),
    EDGE_ISSUER: 'none',
    EDGE_USER: self === 'root' ? 'nobody' : self,
    EDGE_UPSTREAMS: 'http://127.0.0.1:9',
  }
  const file = put(
    join(directory, 'environment.sh'),
    Object.entries(environment)
      .map(([name, value]) => `export ${name}='${value}'\n`)
      .join(''),
  )
  const before = await call(doctor, { json: true, environment: file }, {})
  const { ok: isWell, findings } = JSON.parse(before.stdout) as {
    ok: boolean
    findings: { subject: string; state: string }[]
  }
  t.equal(before.code, 1)
  t.equal(isWell, false)
  t.match(
    findings.find(({ subject }) => subject === data),
    { area: 'Keys', state: 'fail', fixable: true, mend: /chmod/ },
  )
  t.match(
    findings.find(({ subject }) => subject.startsWith('EDGE_UPSTREAMS')),
    { state: 'fail', why: /offline page/ },
  )
  const after = await call(doctor, { fix: true, environment: file }, {})
  t.match(after.stderr, /mended: .*edge/)
  t.equal(statSync(data).mode & 0o777, 0o700)
  t.match(after.stdout, /^Configuration\n/)
  t.match(after.stdout, /\d+ fail, \d+ warn, \d+ ok\n/)
  t.equal(readFileSync(file, 'utf8').includes('export BLOT_HOST'), true, 'nothing else is touched')
  await t.rejects(call(doctor, { mode: 'walk' }, {}), { code: 'EDGE_ERR_USAGE_INVALID' })
})

/** RFC 1035 4: the question repeated, and an A record for two of the names. */
function answerDns(question: Buffer): Buffer {
  let end = 12
  const labels: string[] = []
  for (let length = question[end] ?? 0; length > 0; length = question[end] ?? 0) {
    labels.push(question.toString('latin1', end + 1, end + 1 + length))
    end += length + 1
  }
  const isA = question.readUInt16BE(end + 1) === 1
  const address = isA
    ? { 'blot.example': [127, 0, 0, 1], 'www.blot.example': [192, 0, 2, 1] }[labels.join('.')]
    : undefined
  const head = Buffer.from(question.subarray(0, end + 5))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(address === undefined ? 0 : 1, 6)
  head.writeUInt32BE(0, 8)
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(address ?? [])]
  return address === undefined ? head : Buffer.concat([head, Buffer.from(record)])
}
