import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import t from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { openStore } from '../../src/store/open.ts'
import { pingRedis } from '../../src/store/ping.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { runEdge } from '../commands/run-edge.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { freePort, startRedis, startSentinel } from './redis-server.ts'
import type { Store } from '../../src/store/open.ts'

async function open(url: string): Promise<Store> {
  const store = await openStore({ store: { kind: 'redis', url }, storePrefix: 'ssl', host: 'blot.im' })
  t.teardown(() => store.close())
  return store
}

/** Does it take a write, now? */
async function takes(store: Store): Promise<boolean> {
  return store.schedule.set('one.example', 1).then(
    () => true,
    () => false,
  )
}

await t.test('Sentinels tell which server is the master, also after it is gone', async (t) => {
  const directory = temporaryDirectory(t)
  const master = await startRedis(directory)
  t.teardown(() => master.stop())
  const replica = await startRedis(directory, { flags: ['--replicaof', `127.0.0.1 ${master.port}`] })
  t.teardown(() => replica.stop())
  const client = new Redis(replica.port)
  t.teardown(() => client.disconnect())
  await pollUntil(async () => (await client.info('replication')).includes('master_link_status:up'))
  const sentinel = await startSentinel(directory, master)
  t.teardown(() => sentinel.stop())

  const url = `redis+sentinel://127.0.0.1:${await freePort()},127.0.0.1:${sentinel.port}/main`
  await t.resolves(pingRedis(url, 1_000), 'one Sentinel may be away')
  const store = await open(url)
  const heard: string[] = []
  t.teardown(store.changes.subscribe(({ kind }) => heard.push(kind)))
  const certificate = await makeCertificate('one.example')
  await store.vault.write(certificate)
  await pollUntil(async () => (await client.exists('ssl:one.example:latest')) === 1)

  await master.stop()
  await t.rejects(store.vault.read('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  await pollUntil(() => takes(store))
  t.same(await store.vault.read('one.example'), certificate)
  await pollUntil(() => heard.includes('all'))
  t.match(await client.role(), ['master'])
})

await t.test('without any Sentinel it starts all the same, and check says why', async (t) => {
  const url = `redis+sentinel://:hunter2@127.0.0.1:${await freePort()}/main`
  const store = await open(url)
  await t.rejects(store.vault.read('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  const refusal: unknown = await pingRedis(url, 1_000).catch((error: unknown) => error)
  t.match(refusal, { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /[Ss]entinel|ECONNREFUSED/ })
  t.notMatch(inspect(refusal, { depth: 10 }), /hunter2/)
})

await t.test('a user of limited rights is enough, and what it may not is told without its password', async (t) => {
  const server = await startRedis(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const admin = new Redis(server.url)
  t.teardown(() => admin.disconnect())
  const rights = ['~ssl:*', '~edge:*', '~domain:*', '~handle:*', '&edge:*', '+@all', '-@dangerous', '+info']
  await admin.call('ACL', 'SETUSER', 'edge', 'on', '>open:se same', ...rights)
  const store = await open(`redis://edge:open%3Ase%20same@127.0.0.1:${server.port}`)
  const certificate = await makeCertificate('one.example')
  const lock = await store.locker.acquire('one.example', AbortSignal.timeout(5_000))
  await store.vault.write(certificate, lock.fence)
  await lock.release()
  t.same(await store.vault.read('one.example'), certificate)
  t.equal(await store.budgets.take([{ scope: 'a', limit: 1, windowMs: 1_000 }]), undefined)
  const heard: string[] = []
  t.teardown(store.changes.subscribe(({ kind }) => heard.push(kind)))
  await pollUntil(async () => {
    await store.changes.publish({ kind: 'tickets' })
    return heard.includes('tickets')
  })

  const faults: unknown[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault)))
  await admin.call('ACL', 'SETUSER', 'edge', 'resetpass', '>another')
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await pollUntil(async () => !(await takes(store)) && faults.length > 0)
  const refusal: unknown = await store.vault.read('one.example').catch((error: unknown) => error)
  t.match(refusal, { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  t.notMatch(inspect([faults, refusal], { depth: 10 }), /se same/)
  await admin.call('ACL', 'SETUSER', 'edge', 'resetpass', '>open:se same')
  await t.resolves(
    pollUntil(() => takes(store)),
    'it comes back with the password',
  )
})

await t.test('rediss:// trusts what this machine trusts, and nobody else', async (t) => {
  const directory = temporaryDirectory(t)
  const file = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...newKey, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=A CA')
  const issuing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1']
  openssl(
    'req',
    '-x509',
    ...newKey,
    ...issuing,
    '-keyout',
    file('key.pem'),
    '-out',
    file('cert.pem'),
    '-subj',
    '/CN=redis',
  )
  const port = await freePort()
  const certificates = [
    '--tls-cert-file',
    file('cert.pem'),
    '--tls-key-file',
    file('key.pem'),
    '--tls-auth-clients',
    'no',
  ]
  const server = await startRedis(directory, {
    flags: ['--tls-port', String(port), ...certificates, '--tls-ca-cert-file', file('ca.pem')],
  })
  t.teardown(() => server.stop())

  const environment = { BLOT_HOST: 'blot.im', EDGE_STORE: `rediss://127.0.0.1:${port}`, EDGE_ISSUER: 'local' }
  const check = async (trusted: Record<string, string>): Promise<{ ok: boolean; message: string } | undefined> => {
    const { stdout } = await runEdge(['check', '--json'], { directory, environment: { ...environment, ...trusted } })
    const report = JSON.parse(stdout) as { checks: { variable: string; ok: boolean; message: string }[] }
    return report.checks.find(({ variable }) => variable === 'EDGE_STORE')
  }
  t.match(await check({ SSL_CERT_FILE: file('ca.pem') }), { ok: true, message: 'answers' })
  t.match(await check({}), { ok: false, message: /certificate/ })
})
