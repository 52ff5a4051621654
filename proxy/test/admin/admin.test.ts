import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ChannelTimeout } from '../../src/errors.ts'
import { edgeChannel } from '../../src/events.ts'
import { ask, askJson, processOf, startAdmin, STATUS } from './start.ts'

await t.test('alive, ready, and the status as it is', async (t) => {
  const { url } = await startAdmin(t)
  t.same(await askJson(`${url}/health`), { status: 200, body: { status: 'alive', version: '1.2.3' } })
  t.same(await askJson(`${url}/ready`), { status: 200, body: { ready: true, degraded: [] } })
  t.same(await askJson(`${url}/status`), { status: 200, body: STATUS })
})

await t.test('ready while one worker answers; what is away degrades', async (t) => {
  const stopped = { ...processOf('worker', 'worker-2'), state: 'stopped' as const }
  const degraded = ['the store does not answer']
  const { url } = await startAdmin(t, {
    status: async () => ({ ...STATUS, processes: [...STATUS.processes, stopped], degraded }),
  })
  const expected = ['1 of 2 workers running', 'the store does not answer']
  t.same(await askJson(`${url}/ready`), { status: 200, body: { ready: true, degraded: expected } })
})

await t.test('not ready without a worker, or when nobody knows', async (t) => {
  const processes = [
    processOf('primary', 'primary'),
    { ...processOf('worker', 'worker-1'), state: 'draining' as const },
  ]
  const draining = await startAdmin(t, { status: async () => ({ ...STATUS, processes }) })
  t.same(await askJson(`${draining.url}/ready`), {
    status: 503,
    body: { ready: false, degraded: ['0 of 1 workers running'] },
  })
  const silent = await startAdmin(t, {
    status: async () => Promise.reject(new ChannelTimeout('primary', 'processes', 1000)),
  })
  t.match(await askJson(`${silent.url}/ready`), { status: 503, body: { degraded: [/EDGE_ERR_CHANNEL_TIMEOUT/] } })
  t.match(await askJson(`${silent.url}/status`), { status: 503, body: { code: 'EDGE_ERR_CHANNEL_TIMEOUT' } })
})

await t.test('failures are JSON with a code', async (t) => {
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe(({ message }) => faults.push(message)))
  const { url } = await startAdmin(t, { status: async () => Promise.reject(new TypeError('a bug')) })
  t.same(await askJson(`${url}/nothing?x=1`), {
    status: 404,
    body: { status: 404, code: 'EDGE_ERR_ADMIN_ROUTE_UNKNOWN', error: 'there is no GET /nothing?x=1' },
  })
  t.match(await askJson(`${url}/%zz`), { status: 400, body: { code: 'FST_ERR_BAD_URL' } })
  t.match(await askJson(`${url}/purge`, { method: 'POST', body: '{' }), {
    status: 400,
    body: { code: 'EDGE_ERR_ADMIN_BODY_INVALID' },
  })
  t.match(await askJson(`${url}/purge`, { method: 'POST', body: `"${'a'.repeat(400_000)}"` }), {
    status: 413,
    body: { code: 'EDGE_ERR_ADMIN_BODY_TOO_LARGE' },
  })
  t.match(await askJson(`${url}/purge`, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }), {
    status: 415,
    body: { code: 'EDGE_ERR_ADMIN_BODY_TYPE_INVALID', error: /application\/json/ },
  })
  t.same(faults, [], 'the asker is told; the log is not')
  t.match(await askJson(`${url}/status`), { status: 500, body: { code: 'TypeError', error: 'a bug' } })
  t.same(faults, ['admin request failed'])
})

await t.test('a name that was made to point here is refused (DNS rebinding)', async (t) => {
  const { url } = await startAdmin(t)
  const statusFor = async (host: string): Promise<number> => (await ask(`${url}/status`, { headers: { host } })).status
  for (const host of ['localhost', 'LOCALHOST:8077', '127.0.0.1', '127.8.9.1:1', '[::1]:8077']) {
    t.equal(await statusFor(host), 200, host)
  }
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '10.0.0.1', '[::2]', '127.1']) {
    t.equal(await statusFor(host), 403, host)
  }
  for (const path of ['/', '/dashboard.js', '/nothing', '/purge?host=a.example']) {
    const refused = await askJson(`${url}${path}`, { headers: { host: 'evil.example' } })
    t.match(refused, { status: 403, body: { code: 'EDGE_ERR_ADMIN_HOST_REFUSED' } }, path)
  }
})

await t.test('over a Unix socket any Host is fine', async (t) => {
  // A socket's path has 107 bytes at most: a checkout may lie deeper.
  const folder = mkdtempSync(join(tmpdir(), 'blot-edge-admin-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'admin.sock')
  await startAdmin(t, {}, { path: socketPath })
  const answer = await ask('http://edge.example/health', { socketPath })
  t.equal(answer.status, 200)
})

await t.test('security headers on everything', async (t) => {
  const { url } = await startAdmin(t, { token: 'right' })
  for (const path of ['/', '/dashboard.css', '/status', '/nothing']) {
    const { headers } = await ask(`${url}${path}`)
    t.match(headers, { 'content-security-policy': /default-src 'none'/, 'x-content-type-options': 'nosniff' }, path)
  }
})
