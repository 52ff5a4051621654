import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { StatusReport } from '../../src/admin/contracts.ts'
import { readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { runProgram, type Ran } from '../commands/run-edge.ts'
import { freePort } from '../store/redis-server.ts'
import { pollUntil } from '../until.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'
import { makeReleases } from './releases.ts'
import { repeat } from './repeat.ts'

/** One edge from release folders, through everything that may happen at a reload. */

const app = createServer((request, response) => {
  if (request.url === '/stream')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: begun\n\n')
  else response.end('the app')
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})

const directory = temporaryDirectory(t)
const releases = makeReleases(directory)
releases.add('1.0.0')
releases.switchTo('1.0.0')

const file = join(directory, 'environment.sh')
const settings = {
  BLOT_HOST: 'blot.example',
  BLOT_PORT: String((app.address() as AddressInfo).port),
  BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
  BLOT_DATA_DIRECTORY: join(directory, 'data'),
  EDGE_DATA_DIRECTORY: join(directory, 'edge'),
  EDGE_ADDRESS: '127.0.0.1',
  EDGE_HTTP_PORT: String(await freePort()),
  EDGE_HTTPS_PORT: '0',
  EDGE_ADMIN: `127.0.0.1:${await freePort()}`,
  EDGE_STORE: `file:${join(directory, 'store')}`,
  EDGE_ISSUER: 'local',
  EDGE_USER: 'nobody',
  EDGE_WORKERS: '1',
  EDGE_STALL_MS: '5000',
  EDGE_PID_FILE: join(directory, 'edge.pid'),
}
function configure(changes: Partial<Record<keyof typeof settings | 'EDGE_RELOAD_DRAIN_MS', string>>): void {
  const lines = Object.entries({ ...settings, ...changes }).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(file, lines.join(''))
}
configure({})

const edge = await startEdge(t, { program: releases.program, args: ['run', '--environment', file], directory })
const admin = `http://127.0.0.1:${edge.admin}`

/** On a busy machine a process may be too late with its part of it. */
async function status(): Promise<StatusReport> {
  for (;;) {
    const answer = await fetch(`${admin}/status`)
    if (answer.ok) return answer.json() as Promise<StatusReport>
    await answer.body?.cancel()
  }
}

/** The ids of the processes that serve, with their pids. */
async function serving(): Promise<Record<string, number>> {
  const { processes } = await status()
  const those = processes.filter(({ state, role }) => state === 'running' && role !== 'primary')
  return Object.fromEntries(those.map(({ id, pid }) => [id, pid]))
}

function reload(...args: string[]): Promise<Ran> {
  return runProgram(releases.program, ['reload', '--environment', file, ...args])
}

async function askPlain(path = '/'): Promise<string> {
  return (await ask({ port: edge.http, host: 'site.blot.example', path, protocol: 'http/1.1' })).text
}

await t.test('by command and by signal, under requests and purges', async (t) => {
  const purged: string[] = []
  const visitors = repeat(async () => {
    const answers = [askPlain(), ask({ port: edge.https, host: 'blot.example', path: '/health' })]
    const [plain, secure] = (await Promise.all(answers)) as [string, { text: string }]
    if (plain !== 'the app' || secure.text !== 'ok\n') throw new Error(`${plain}, ${secure.text}`)
  })
  const purges = repeat(async () => {
    const tag = `tag-${purged.length}`
    const body = JSON.stringify({ tags: [tag] })
    const answer = await fetch(`${admin}/purge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    if (answer.status !== 200) throw new Error(await answer.text())
    purged.push(tag)
  })
  const before = await serving()

  const { code, stdout, stderr } = await reload()
  t.strictSame([stderr, code], ['', 0])
  t.strictSame(stdout.trim().split('\n'), [
    `reload  release ${directory}/releases/1.0.0, version 1.0.0`,
    'reload  the configuration is valid',
    'reload  starting a manager and 1 worker',
    'reload  each of them answers',
    'reload  generation 2 serves, generation 1 drains',
  ])
  edge.process.kill('SIGHUP')
  await edge.logged(({ msg, step }) => msg === 'reloaded' && String(step).startsWith('generation 3'))

  t.strictSame(await visitors.stop(), [], 'no visitor noticed')
  t.strictSame(await purges.stop(), [], 'no purge was refused')
  const after = await serving()
  t.strictSame(Object.keys(after), Object.keys(before))
  for (const [id, pid] of Object.entries(before)) t.not(after[id], pid, `${id} is another process`)
  const { entries } = await readPurgeJournal(join(directory, 'edge/purges'))
  t.strictSame(
    entries.flatMap(({ purge: { tags } }) => tags),
    purged,
    'each purge has its number',
  )
  t.equal(readFileSync(settings.EDGE_PID_FILE, 'utf8'), `${edge.process.pid}\n`)
})

await t.test(
  'by the API, several at once: the second one reads what may have changed since the first began',
  async (t) => {
    const answers = await Promise.all([1, 2, 3].map(() => fetch(`${admin}/reload`, { method: 'POST' })))
    const outcomes = (await Promise.all(answers.map((answer) => answer.json()))) as { generation: number }[]
    const numbers = new Set(outcomes.map(({ generation }) => generation))
    t.match(
      outcomes.find(({ generation }) => generation === 4),
      { generation: 4, version: '1.0.0', release: `${directory}/releases/1.0.0` },
    )
    t.ok(numbers.size <= 2, 'the second and the third are one')
  },
)

await t.test('another configuration', async (t) => {
  const http = await freePort()
  configure({ EDGE_WORKERS: '2', EDGE_HTTP_PORT: String(http), EDGE_ADMIN: settings.EDGE_ADMIN })
  t.equal((await reload()).code, 0)
  t.strictSame(Object.keys(await serving()).toSorted(), ['manager', 'worker-1', 'worker-2'])
  t.equal((await ask({ port: http, host: 'site.blot.example', protocol: 'http/1.1' })).text, 'the app')
  const socket = connect(edge.http, '127.0.0.1')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNREFUSED', 'the port of before is closed')
  configure({})
  t.equal((await reload()).code, 0)
  t.equal(await askPlain(), 'the app')
})

await t.test('what is wrong changes nothing, and is told', async (t) => {
  const before = await serving()
  const unchanged = async (reason: RegExp): Promise<void> => {
    t.strictSame(await serving(), before)
    t.match((await status()).reload, { state: 'failed', error: reason })
    t.equal(await askPlain(), 'the app')
  }

  configure({ EDGE_WORKERS: 'many', EDGE_ADDRESS: 'here' })
  const faulty = await reload()
  t.equal(faulty.code, 1)
  t.match(faulty.stderr, /^blot-edge: nothing has changed, the processes of before serve on:\n/)
  t.match(faulty.stderr, /2 faults.*\n {2}EDGE_ADDRESS +here +must be .*\n {2}EDGE_WORKERS +many +must be /)
  t.match(await (await fetch(`${admin}/reload`, { method: 'POST' })).json(), {
    status: 422,
    code: 'EDGE_ERR_CONFIG_INVALID',
    faults: [{ variable: 'EDGE_ADDRESS' }, { variable: 'EDGE_WORKERS' }],
  })
  await unchanged(/EDGE_WORKERS many/)
  const table = await runProgram(releases.program, ['status', '--environment', '/dev/null'], {
    environment: { EDGE_ADMIN: settings.EDGE_ADMIN },
  })
  t.match(table.stdout, /^the last reload failed: EDGE_ADDRESS here must be .+; EDGE_WORKERS many must be /m)

  configure({ EDGE_HTTPS_PORT: String((app.address() as AddressInfo).port) })
  const taken = await reload()
  t.match(taken.stderr, /\(EDGE_HTTPS_PORT\) is in use.*\(EDGE_ERR_PORT_IN_USE\)/)
  await unchanged(/is in use/)

  configure({ EDGE_PID_FILE: join(directory, 'nowhere/edge.pid') })
  t.match((await reload()).stderr, /nowhere\/edge\.pid \(EDGE_PID_FILE\)/)
  await unchanged(/EDGE_PID_FILE/)

  configure({ EDGE_USER: 'daemon' })
  const another = await reload()
  t.match(another.stderr, process.getuid?.() === 0 ? /EDGE_USER is daemon now.*restart it/ : /^$/)
  configure({})
})

await t.test('another release, one that crashes, and back', async (t) => {
  const second = releases.add('1.1.0')
  releases.switchTo('1.1.0')
  t.equal((await reload()).code, 0)
  const { version, generations } = await status()
  t.equal(version, '1.1.0')
  t.match(
    generations?.filter(({ state }) => state === 'running'),
    [{ release: second }],
  )
  const before = await serving()

  const third = releases.add('1.2.0')
  writeFileSync(join(third, 'proxy/src/lifecycle/worker.ts'), 'throw new Error("it does not even load")\n')
  releases.switchTo('1.2.0')
  const crashed = await reload()
  t.equal(crashed.code, 1)
  t.match(crashed.stderr, 'it does not even load')
  t.strictSame(await serving(), before)
  writeFileSync(join(third, 'proxy/src/main.ts'), 'export const = 1\n')
  const unusable = await (await fetch(`${admin}/reload`, { method: 'POST' })).json()
  t.match(unusable, { status: 409, code: 'EDGE_ERR_RELEASE_UNUSABLE', error: /SyntaxError/ })

  // A process that is replaced is of the release of its generation, wherever the link leads by then.
  const pid = before['worker-1'] ?? NaN
  process.kill(pid, 'SIGKILL')
  await edge.logged(({ msg, name }) => msg === 'process ended' && String(name).startsWith('worker-1'))
  await pollUntil(async () => ![undefined, pid].includes((await serving())['worker-1']))
  const replaced = (await serving())['worker-1'] ?? NaN
  t.match(readFileSync(`/proc/${replaced}/cmdline`, 'utf8'), second)

  releases.switchTo('1.0.0')
  t.equal((await reload()).code, 0)
  t.match(await status(), { version: '1.0.0' })
})

await t.test('a worker whose event loop stands still is replaced', async (t) => {
  const { 'worker-1': worker = NaN } = await serving()
  process.kill(worker, 'SIGSTOP')
  await edge.logged(({ msg, name }) => msg === 'process stalled' && String(name).startsWith('worker-1'))
  t.equal(await askPlain(), 'the app')
  t.not((await serving())['worker-1'], worker)
})

await t.test('kill -9 in the middle', async (t) => {
  const before = await serving()
  const failing = reload()
  process.kill(await starting(before['manager']), 'SIGKILL')
  const failed = await failing
  t.match(failed.stderr, /manager ended with SIGKILL/)
  t.strictSame(await serving(), before, 'a new manager that dies ends the reload')

  const reloaded = edge.log.filter(({ msg }) => msg === 'reloaded').length
  const answer = fetch(`${admin}/reload`, { method: 'POST' }).catch(() => undefined)
  await starting(before['manager'])
  process.kill(before['manager'] ?? NaN, 'SIGKILL')
  await answer
  await pollUntil(() => edge.log.filter(({ msg }) => msg === 'reloaded').length > reloaded)
  t.equal((await fetch(`${admin}/ready`)).status, 200, 'an old one that dies does not')
  t.equal((await fetch(`${admin}/purge?host=a.example`)).status, 200)
})

/** The pid of a manager that is not this one, as soon as there is one. */
async function starting(manager: number | undefined): Promise<number> {
  const { pid } = edge.process
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
    const found = children.find((child) => child !== manager && commandOf(child).includes('manager'))
    if (found !== undefined) return found
    await delay(1)
  }
}

await t.test('a stream goes on in the generation that drains, which is told to end when the edge is', async (t) => {
  configure({ EDGE_RELOAD_DRAIN_MS: '600000' })
  const asked = get({ port: edge.http, host: '127.0.0.1', path: '/stream', headers: { host: 'site.blot.example' } })
  const [stream] = (await once(asked, 'response')) as [IncomingMessage]
  await once(stream, 'data')
  const [drainingId] = Object.keys(await serving())
  t.equal((await reload()).code, 0)
  const drains = (await status()).processes.find(({ state, role }) => state === 'draining' && role === 'worker')
  t.match(drains, { underWay: { streams: 1 }, generation: Number }, `${drainingId} waits for it`)
  t.ok(Date.parse(drains?.drainsUntil ?? '') > Date.now() + 300_000)
  t.match(await (await fetch(`${admin}/ready`)).json(), { ready: true, degraded: [] })
  const table = await runProgram(releases.program, ['status', '--environment', file])
  t.match(table.stdout, /draining/)
  const [ended] = await Promise.all([text(stream).catch(() => 'cut'), edge.stop()])
  t.type(ended, 'string')
  t.equal(edge.process.exitCode, 0)
  t.notOk(existsSync(settings.EDGE_PID_FILE))
  t.strictSame(
    readdirSync('/proc').filter(
      (pid) => /^\d+$/.test(pid) && commandOf(Number(pid)).some((part) => part.includes(directory)),
    ),
    [],
    'nobody is left',
  )
})

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
