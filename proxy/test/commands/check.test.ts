import { once } from 'node:events'
import { chmodSync, linkSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { check } from '../../src/commands/check.ts'
import { freePort, startRedis } from '../store/redis-server.ts'
import { call } from './call.ts'
import { runEdge, type Ran, type RunOptions } from './run-edge.ts'

type Row = { ok: boolean; variable: string; value: string; message: string }
type Report = {
  mode: string
  ok: boolean
  configuration: { variable: string; value?: string; origin: string }[]
  checks: Row[]
  faults: Omit<Row, 'ok'>[]
}

const isRoot = process.getuid?.() === 0

/** An unprivileged user that every Debian has; only root has to become it. */
const unprivileged: RunOptions = isRoot ? { uid: 65534 } : {}

/** A folder outside of this checkout, which is a git work tree. */
function temporaryFolder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'check-'))
  chmodSync(directory, 0o755)
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Listens on a free port until the test is over. */
async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function startApp(t: Test, answer: RequestListener): Promise<string> {
  const server = createHttpServer(answer)
  t.teardown(() => server.closeAllConnections())
  return `http://127.0.0.1:${await listen(t, server)}`
}

/** An environment of `run` without a fault, but for what nothing listens on. */
function soundEnvironment(directory: string): Record<string, string> {
  return {
    BLOT_HOST: 'blot.example',
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_HTTP_PORT: '0',
    EDGE_HTTPS_PORT: '0',
    EDGE_ADMIN: '127.0.0.1:0',
    EDGE_DATA_DIRECTORY: join(directory, 'edge'),
    EDGE_STORE: `file:${join(directory, 'store')}`,
    EDGE_PID_FILE: join(directory, 'edge.pid'),
    EDGE_ISSUER: 'none',
    EDGE_USER: 'nobody',
  }
}

async function checkJson(environment: Record<string, string>, values = {}): Promise<Ran & { report: Report }> {
  const ran = await call(check, { json: true, ...values }, environment)
  return { ...ran, report: JSON.parse(ran.stdout) as Report }
}

function findingOf({ checks }: Report, variable: string): Row | undefined {
  return checks.find((row) => row.variable === variable)
}

await t.test('a sound environment with a real Redis and an app has no fault', async (t) => {
  const directory = temporaryFolder(t)
  const redis = await startRedis(directory, { password: 'hunter2' })
  t.teardown(() => redis.stop())
  const app = await startApp(t, (request, response) =>
    response.writeHead(request.url === '/health' ? 200 : 404).end('ok'),
  )
  const file = join(directory, 'environment.sh')
  writeFileSync(file, `# Blot\nexport EDGE_STORE='${redis.url}'\n`)
  const environment = { ...soundEnvironment(directory), EDGE_STORE: 'file:/elsewhere', EDGE_UPSTREAMS: app }
  const { code, stdout, stderr } = await runEdge(['check', '--environment', file], { environment })
  t.equal(stderr, '')
  t.equal(code, 0)
  t.match(stdout, /^Configuration of blot-edge run$/m)
  t.match(stdout, /^ {2}BLOT_HOST +blot\.example +environment$/m)
  t.match(stdout, new RegExp(`^ {2}EDGE_STORE +redis://\\*\\*\\*@127.0.0.1:${redis.port} +${file}:2$`, 'm'))
  t.match(stdout, /^ {2}EDGE_ISSUE_WAIT_MS +10000 +default$/m)
  t.match(stdout, /^ {2}EDGE_DHPARAMS +\(unset\) +default$/m)
  t.match(stdout, /^ {2}ok +EDGE_HTTP_PORT +127\.0\.0\.1 port 0 +is free$/m)
  t.match(stdout, /^ {2}ok +EDGE_STORE +redis:\/\/\*\*\*@127\.0\.0\.1:\d+ +answers$/m)
  t.match(stdout, new RegExp(`^ {2}ok +EDGE_UPSTREAMS +${app} +answers /health with 200$`, 'm'))
  t.notMatch(stdout, 'hunter2')

  const wrongPassword = `redis://:wrong@127.0.0.1:${redis.port}`
  const { report } = await checkJson({
    ...environment,
    EDGE_STORE: wrongPassword,
    EDGE_UPSTREAMS: `${app};backup, ${app}0`,
  })
  t.match(findingOf(report, 'EDGE_STORE'), { ok: false, message: /WRONGPASS/ })
  const backup = await checkJson({
    ...environment,
    EDGE_STORE: redis.url,
    EDGE_UPSTREAMS: `${app},http://127.0.0.1:1;backup`,
  })
  t.equal(backup.code, 0, 'a backup may be away')
  t.match(JSON.stringify(backup.report.checks), /does not answer [^"]*\(a backup may be away\)/)
  const storeKey = Buffer.alloc(32, 'hunter2').toString('base64')
  const sealed = await checkJson({
    ...environment,
    EDGE_STORE: redis.url,
    EDGE_UPSTREAMS: app,
    EDGE_STORE_KEY: storeKey,
  })
  t.equal(sealed.code, 0)
  t.match(findingOf(sealed.report, 'EDGE_STORE_KEY'), {
    ok: true,
    value: '***',
    message: /lua-resty-auto-ssl cannot read/,
  })
  t.match(JSON.stringify(sealed.report.checks), /does not tell when the app removes a domain/)
  t.match(JSON.stringify(sealed.report.checks), /snapshots alone: its crash loses webhooks/)
  await t.rejects(checkJson(environment, { timeout: 'soon' }), { code: 'EDGE_ERR_USAGE_INVALID' })
  t.notMatch(JSON.stringify(sealed.report), storeKey)
  t.notMatch(JSON.stringify(report), ':wrong@')
  t.equal(report.configuration.find(({ variable }) => variable === 'EDGE_STORE')?.origin, 'environment')
})

await t.test('every fault is listed: of the environment, the files, the ports, the store and the apps', async (t) => {
  const directory = temporaryFolder(t)
  const taken = await listen(t, createServer())
  const silent = await listen(t, createServer())
  const failing = await startApp(t, (_request, response) => response.writeHead(503).end())
  const hanging = await startApp(t, () => undefined)
  const gone = `http://127.0.0.1:${await freePort()}`
  const environment = {
    ...soundEnvironment(directory),
    EDGE_HTTP_PORT: String(taken),
    EDGE_STORE: `redis://:hunter2@127.0.0.1:${silent}`,
    EDGE_DHPARAMS: join(directory, 'absent.pem'),
    EDGE_UPSTREAMS: [failing, hanging, gone].join(','),
    EDGE_LOG: 'xml',
    EDGE_WORKRS: '2',
  }
  const { code, stderr, report } = await checkJson(environment, { timeout: '0.5' })
  t.equal(code, 1)
  t.equal(report.ok, false)
  t.match(report.faults, [
    { variable: 'EDGE_WORKRS', message: /nearest known name is EDGE_WORKERS/ },
    { variable: 'EDGE_LOG', value: 'xml', message: 'must be pretty or json' },
    { variable: 'EDGE_DHPARAMS', message: 'cannot be read (ENOENT)' },
    {
      variable: 'EDGE_HTTP_PORT',
      message: `is in use by node (pid ${process.pid}): stop that, or choose another port`,
    },
    { variable: 'EDGE_STORE', message: /nothing within 500 ms/ },
    { variable: 'EDGE_UPSTREAMS', value: failing, message: 'answers /health with 503: 200 was expected' },
    { variable: 'EDGE_UPSTREAMS', value: hanging, message: /^does not answer \/health: .*timeout/ },
    { variable: 'EDGE_UPSTREAMS', value: gone, message: /^does not answer \/health: .*ECONNREFUSED/ },
  ])
  t.match(stderr, /^blot-edge: 8 faults\n/)
  t.match(stderr, /^ {2}EDGE_LOG +xml +must be pretty or json$/m)
  t.notMatch(stderr, 'hunter2')
})

await t.test('--configuration asks nobody: what is away does not keep the edge from starting', async (t) => {
  const away = { EDGE_STORE: 'redis://127.0.0.1:1', EDGE_UPSTREAMS: 'http://127.0.0.1:1' }
  const environment = { ...soundEnvironment(temporaryFolder(t)), ...away }
  const { code, report } = await checkJson(environment, { configuration: true })
  t.match({ code, report }, { code: 0, report: { ok: true, checks: [] } })
  t.notMatch((await call(check, { configuration: true }, environment)).stdout, 'Checks')
  t.equal((await checkJson(environment)).code, 1)
  const faulty = await checkJson({ ...environment, EDGE_DHPARAMS: '/nowhere' }, { configuration: true })
  t.match(faulty, { code: 1, report: { faults: [{ variable: 'EDGE_DHPARAMS' }] } })
})

await t.test('a port that the running edge or its manager holds is as it should be', async (t) => {
  const directory = temporaryFolder(t)
  const taken = await listen(t, createServer())
  const environment = { ...soundEnvironment(directory), EDGE_HTTPS_PORT: String(taken) }
  for (const pid of [process.pid, process.ppid]) {
    writeFileSync(join(directory, 'edge.pid'), `${pid}\n`)
    const { report } = await checkJson(environment)
    t.match(findingOf(report, 'EDGE_HTTPS_PORT'), { ok: true, message: `is held by the running edge (pid ${pid})` })
  }
})

await t.test('an unprivileged user is told how to open ports and which folder is closed', async (t) => {
  const firstOpen = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  const directory = temporaryFolder(t)
  const environment = {
    ...soundEnvironment(directory),
    EDGE_HTTP_PORT: String(Math.max(0, firstOpen - 1)),
    EDGE_DATA_DIRECTORY: '/proc/edge',
  }
  const ran = await runEdge(['check', '--json', '--environment', '/dev/null'], { environment, ...unprivileged })
  const report = JSON.parse(ran.stdout) as Report
  t.match(report.faults, [{ variable: 'EDGE_DATA_DIRECTORY', message: 'this user may not write in /proc (EACCES)' }])
  t.match(findingOf(report, 'EDGE_USER'), { ok: true, message: 'has no effect: not started as root' })
  // Some containers let every user open every port.
  if (firstOpen === 0) return
  t.match(findingOf(report, 'EDGE_HTTP_PORT'), {
    ok: false,
    message: /may not be opened by this user.*setcap .* \/.*node/,
  })
})

await t.test('an address that this machine has not is named', async (t) => {
  const environment = { ...soundEnvironment(temporaryFolder(t)), EDGE_ADDRESS: '192.0.2.1', EDGE_ADMIN: '127.0.0.1:0' }
  const { report } = await checkJson(environment)
  t.match(findingOf(report, 'EDGE_HTTP_PORT'), { ok: false, message: /192\.0\.2\.1/ })
})

await t.test('root is told of a user that there is not', { skip: !isRoot && 'not root' }, async (t) => {
  const { report } = await checkJson({ ...soundEnvironment(temporaryFolder(t)), EDGE_USER: 'no-such-user' })
  t.match(findingOf(report, 'EDGE_USER'), { ok: false, message: /there is no user no-such-user.*useradd/ })
})

await t.test('the socket of the admin API may be new, in use, left over, or no socket', async (t) => {
  const directory = temporaryFolder(t)
  const path = join(directory, 'edge.sock')
  const look = async (): Promise<Row | undefined> => {
    const { report } = await checkJson({ ...soundEnvironment(directory), EDGE_ADMIN: `unix:${path}` })
    return findingOf(report, 'EDGE_ADMIN')
  }
  t.match(await look(), { ok: true, message: 'is free' })
  const server = createServer().listen(path)
  await once(server, 'listening')
  t.match(await look(), { ok: true, message: 'is listened on by a running edge' })
  linkSync(path, `${path}.kept`)
  server.close()
  await once(server, 'close')
  renameSync(`${path}.kept`, path)
  t.match(await look(), { ok: true, message: 'is left over, and will be replaced' })
  rmSync(path)
  writeFileSync(path, '')
  t.match(await look(), { ok: false, message: /^is no socket/ })
})

await t.test('dev starts the app itself: its port has to be free, and nobody asks it', async (t) => {
  const directory = temporaryFolder(t)
  const taken = await listen(t, createServer())
  const { BLOT_HOST: _host, EDGE_STORE: _store, ...environment } = soundEnvironment(directory)
  const { report } = await checkJson(
    { ...environment, BLOT_PORT: String(taken) },
    { mode: 'dev', environment: undefined },
  )
  t.equal(report.mode, 'dev')
  t.match(report.faults, [{ variable: 'BLOT_PORT', message: /^is in use by node/ }])
  t.equal(findingOf(report, 'EDGE_UPSTREAMS'), undefined)
})

await t.test('an environment file that is faulty or absent is the whole answer', async (t) => {
  const directory = t.testdir({ 'environment.sh': 'A=1\nB=$(id)\nexport C\n' })
  const file = join(directory, 'environment.sh')
  const { code, report } = await checkJson({}, { environment: file })
  t.equal(code, 1)
  t.strictSame(
    report.faults.map(({ variable }) => variable),
    [`${file}:2`, `${file}:3`],
  )
  const absent = await call(check, { environment: join(directory, 'absent') }, {})
  t.match(absent.stderr, /--environment +\S+absent +cannot be read \(ENOENT\)/)
  t.equal(absent.code, 1)
})
