import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ask } from './client.ts'
import { startEdge, type RunningEdge } from './edge.ts'

const IS_ROOT = process.getuid?.() === 0
/** An unprivileged user that every Debian has. */
const USER = 'nobody'

// Not in the checkout: the production edge refuses to keep its keys in a git work tree.
const directory = mkdtempSync(join(tmpdir(), 'blot-edge-production-'))
chmodSync(directory, 0o755)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const slow = Promise.withResolvers<void>()
const release = Promise.withResolvers<void>()
const app = createServer((request, response) => {
  if (request.url !== '/slow') {
    response.end(`the app answers ${request.url}`)
    return
  }
  slow.resolve()
  void release.promise.then(() => response.end('worth waiting for'))
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())

const environment = {
  BLOT_HOST: 'blot.example',
  BLOT_PORT: String((app.address() as AddressInfo).port),
  BLOT_PURGE_TOKEN: 'purge-token',
  EDGE_ADDRESS: '::',
  EDGE_STORE: `file:${directory}/edge/store`,
  EDGE_ISSUER: 'local',
  EDGE_PERMISSION: `http://127.0.0.1:${(app.address() as AddressInfo).port}/permission`,
  EDGE_USER: USER,
  EDGE_WORKERS: '2',
  EDGE_PID_FILE: join(directory, 'edge.pid'),
}
const edge = await startEdge(t, { args: ['run'], directory, environment })
const site = { port: edge.https, host: 'customer.example', ca: edge.ca }

type Status = { processes: { role: string; id: string; pid: number; state: string }[] }

async function status(of: RunningEdge): Promise<Status> {
  const answer = await ask({ port: of.admin, host: 'x', authority: '127.0.0.1', protocol: 'http/1.1', path: '/status' })
  return JSON.parse(answer.text) as Status
}

await t.test('the edge serves IPv4 and IPv6, plain and over TLS', async (t) => {
  for (const address of ['127.0.0.1', '::1']) {
    const secure = await ask({ ...site, address, path: '/a' })
    t.equal(secure.text, 'the app answers /a', address)
    const plain = await ask({ ...site, port: edge.http, address, protocol: 'http/1.1', path: '/b' })
    t.equal(plain.text, 'the app answers /b', address)
  }
})

await t.test('workers and manager are not root, and what they keep is theirs alone', async (t) => {
  const { processes } = await status(edge)
  t.same(processes.map(({ role }) => role).toSorted(), ['manager', 'primary', 'worker', 'worker'])
  t.equal(readFileSync(join(directory, 'edge.pid'), 'utf8'), `${edge.process.pid}\n`)
  for (const { role, pid } of processes) {
    const uid = Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    if (role === 'primary' || !IS_ROOT) t.equal(uid, process.getuid?.(), role)
    else t.not(uid, 0, role)
    const shown = readFileSync(`/proc/${pid}/environ`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    if (role !== 'primary') t.notMatch(shown, /purge-token/, 'no secret in the environment')
  }
  t.equal(statSync(join(directory, 'edge')).mode & 0o777, 0o700)
  t.equal(statSync(join(directory, 'edge/local-ca/root-key.pem')).mode & 0o777, 0o600)
})

await t.test('Blot’s purge call reaches every worker, and nobody else may make it', async (t) => {
  const files = { ...site, host: 'files.example' }
  const folder = join(directory, 'cache/files.example')
  mkdirSync(folder, { recursive: true })
  mkdirSync(join(directory, 'static'))
  writeFileSync(join(directory, 'static/kept.css'), 'a {}')
  symlinkSync('../../static', join(folder, 'static'))
  t.equal((await ask({ ...files, path: '/kept.css' })).headers['blot-cache'], 'HIT')

  const purge = { port: edge.http, host: 'x', authority: '127.0.0.1', protocol: 'http/1.1' } as const
  const path = '/purge?host=files.example&host=other.example'
  const headers = { 'x-blot-purge-token': 'purge-token' }
  const answer = await ask({ ...purge, path, headers })
  t.equal(answer.status, 200)
  t.match(answer.headers['content-type'], /^text\/plain/)
  t.match(answer.text, /^files\.example: \d+\nother\.example: 0\n$/)

  const refused = [
    ['without the token', { ...purge, path }],
    ['through a proxy', { ...purge, path, headers: { ...headers, 'x-forwarded-for': '192.0.2.1' } }],
    ['under a name of a site', { ...purge, path, headers, authority: 'files.example' }],
    ['over TLS', { ...files, path, headers }],
  ] as const
  for (const [name, request] of refused) t.notMatch((await ask(request)).text, /files\.example: \d/, name)
})

await t.test('a worker that is killed is replaced, and the port never refuses', async (t) => {
  const victim = (await status(edge)).processes.find(({ role }) => role === 'worker')
  if (victim === undefined) throw new Error('there is no worker')
  process.kill(victim.pid, 'SIGKILL')
  let replaced = false
  while (!replaced) {
    t.equal((await ask({ ...site, path: '/c' })).status, 200)
    const now = (await status(edge)).processes.find(({ id }) => id === victim.id)
    replaced = now?.state === 'running' && now.pid !== victim.pid
  }
  t.ok(replaced)
})

await t.test('a second edge on the same port says what is wrong, and opens nothing', async (t) => {
  const ports = { EDGE_HTTP_PORT: String(edge.http), EDGE_PID_FILE: join(directory, 'second.pid') }
  const other = startEdge(t, { args: ['run'], directory, environment: { ...environment, ...ports } })
  await t.rejects(
    other,
    new RegExp(`ended with 1[\\s\\S]*:${edge.http} \\(EDGE_HTTP_PORT\\) is in use[\\s\\S]*EDGE_ERR_PORT_IN_USE`),
  )
})

await t.test('SIGTERM finishes what is under way, refuses what is new, and ends with 0', async (t) => {
  const underWay = ask({ ...site, path: '/slow' })
  await slow.promise
  edge.process.kill('SIGTERM')
  await edge.logged((line) => line['msg'] === 'draining')
  await untilRefused(edge.http)
  release.resolve()
  t.equal((await underWay).text, 'worth waiting for')
  t.equal(await edge.stop(), 0)
  t.throws(() => statSync(join(directory, 'edge.pid')), { code: 'ENOENT' })
})

/** Workers stop accepting before the primary lets go of the port: connections made meanwhile are never answered. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const event = await Promise.race([
      once(socket, 'connect').then(() => 'connect'),
      once(socket, 'error').then(() => 'error'),
    ]).catch(() => 'error')
    socket.destroy()
    if (event === 'error') return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
