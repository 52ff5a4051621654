import { Redis } from 'ioredis'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pollUntil } from '../until.ts'
import { startRedis } from '../store/redis-server.ts'
import { startTrustingBrowser } from './chromium.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory, type RunningEdge } from './edge.ts'
import { openssl, visit } from './visitor.ts'

const app = createServer((_, response) => response.end('the app'))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())
const appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}`

function startShared(t: Test, redisPort: number, workers: string): Promise<RunningEdge> {
  const directory = temporaryDirectory(t)
  const environment = {
    BLOT_HOST: 'blot.example',
    EDGE_UPSTREAMS: appUrl,
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_STORE: `redis://127.0.0.1:${redisPort}`,
    EDGE_ISSUER: 'local',
    EDGE_USER: 'nobody',
    EDGE_WORKERS: workers,
    EDGE_PID_FILE: join(directory, 'edge.pid'),
  }
  return startEdge(t, { args: ['run'], directory, environment })
}

async function countResumed({ admin }: RunningEdge): Promise<number> {
  const headers = { accept: 'application/json' }
  const { text } = await ask({ port: admin, host: 'localhost', path: '/metrics', protocol: 'http/1.1', headers })
  return (JSON.parse(text) as { counters: { resumed: number } }).counters.resumed
}

await t.test('two machines on one Redis', async (t) => {
  const redis = await startRedis(temporaryDirectory(t))
  t.teardown(() => redis.stop())
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  for (const name of ['a.example', 'b.example', 'gone.example']) await client.set(`domain:${name}`, 'blog_1')
  const [first, second] = await Promise.all([startShared(t, redis.port, '2'), startShared(t, redis.port, '1')])

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    await t.test(`${version}: a ticket is good for every worker of every machine, and brings a new one`, async (t) => {
      const full = await visit({ port: first.https, host: 'a.example', version })
      t.match(full, { reused: false, status: 200 })
      t.equal(full.tickets.length, version === 'TLSv1.3' ? 2 : 1)
      let session = full.tickets.at(-1)
      const ports = [...Array.from({ length: 12 }, () => first.https), second.https, first.https]
      for (const port of ports) {
        const resumed = await visit({ port, host: 'a.example', version, session })
        t.match(resumed, { reused: true, status: 200 })
        t.equal(resumed.tickets.length, 1, 'browsers use a ticket once')
        session = resumed.tickets[0]
      }
      const lines = first.log.filter(({ msg, status }) => msg === 'request' && status === 200)
      t.equal(new Set(lines.map(({ pid }) => pid)).size, 2, 'both workers answered')
    })
  }

  await t.test('OpenSSL resumes as well, and is offered no early data', async (t) => {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const file = join(first.directory, `session${version}`)
      t.match(await openssl(first.https, 'a.example', version, '-ign_eof', '-sess_out', file), /^New, TLS/m)
      const said = await openssl(second.https, 'a.example', version, '-ign_eof', '-sess_in', file)
      t.match(said, /^Reused, TLS/m, version)
      t.notMatch(said, /Max Early Data: [1-9]/)
    }
  })

  await t.test('a ticket of one name opens no other', async (t) => {
    const { tickets } = await visit({ port: first.https, host: 'a.example' })
    const foreign = { port: second.https, session: tickets.at(-1) }
    t.match(await visit({ ...foreign, host: 'a.example', authority: 'b.example' }), { reused: true, status: 421 })
    // TLS 1.3 goes by the name in the ClientHello, which is asked about as ever.
    t.equal((await visit({ ...foreign, host: 'b.example' })).status, 200)
    t.equal((await visit({ ...foreign, host: 'stranger.example' })).status, 0)
    // TLS 1.2 goes by the name of the session.
    const file = join(first.directory, 'session')
    await openssl(first.https, 'a.example', '-tls1_2', '-ign_eof', '-sess_out', file)
    for (const host of ['b.example', 'stranger.example']) {
      t.match(await openssl(second.https, host, '-tls1_2', '-ign_eof', '-sess_in', file), /^HTTP\/1\.1 421 /m, host)
    }
  })

  await t.test('a removed name is refused, whatever ticket its visitors have', async (t) => {
    const version = 'TLSv1.3'
    const { tickets } = await visit({ port: first.https, host: 'gone.example', version })
    const old = await visit({ port: first.https, host: 'gone.example', version: 'TLSv1.2' })
    await client.del('domain:gone.example')
    await ask({ port: first.admin, host: 'localhost', path: '/purge?host=gone.example', protocol: 'http/1.1' })
    const isRefused = async (session: Buffer | undefined, tls: 'TLSv1.2' | 'TLSv1.3'): Promise<boolean> =>
      (await visit({ port: first.https, host: 'gone.example', version: tls, session })).status === 0
    await pollUntil(() => isRefused(tickets[0], version))
    await pollUntil(() => isRefused(old.tickets[0], 'TLSv1.2'))
    t.equal(await isRefused(undefined, version), true)
  })
})

await t.test('a restart on the same files: Chromium and Node go on with their sessions', async (t) => {
  const directory = temporaryDirectory(t)
  const args = ['dev', '--upstream', appUrl, '--host', 'app.localhost', '--host', 'two.localhost']
  const before = await startEdge(t, { args, directory })
  const browser = await startTrustingBrowser(t, before)
  const page = await browser.newPage()
  await page.goto(`https://app.localhost:${before.https}/`)
  const { tickets } = await visit({ port: before.https, host: 'two.localhost' })
  await before.stop()

  const environment = { EDGE_HTTPS_PORT: String(before.https) }
  const after = await startEdge(t, { args, directory, environment })
  await page.goto(`https://app.localhost:${after.https}/`)
  t.equal(await countResumed(after), 1, 'Chromium had kept its ticket')
  // The name is in nobody's memory yet: it is asked about behind the handshake.
  t.match(await visit({ port: after.https, host: 'two.localhost', session: tickets[0] }), { reused: true, status: 200 })
  t.equal(await countResumed(after), 2)
})
