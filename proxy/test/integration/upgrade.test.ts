import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import type { StatusReport, UpgradeOutcome } from '../../src/admin/contracts.ts'
import { readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { runProgram, type Ran } from '../commands/run-edge.ts'
import { pollUntil } from '../until.ts'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'
import { listenForNotices } from './notices.ts'
import { makeReleases } from './releases.ts'
import { repeat } from './repeat.ts'

/** The primary itself is replaced, and nobody notices. */

const app = createServer((_request, response) => response.end('the app'))
new WebSocketServer({ server: app }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})

const directory = temporaryDirectory(t)
const short = mkdtempSync(join(tmpdir(), 'upgrade-'))
t.teardown(() => rmSync(short, { recursive: true, force: true }))
const told = await listenForNotices(t, join(short, 'notify'))
const releases = makeReleases(directory)
releases.add('1.0.0')
releases.switchTo('1.0.0')
const pidFile = join(directory, 'edge.pid')
const edge = await startEdge(t, {
  program: releases.program,
  args: ['run', '--environment', '/dev/null'],
  directory,
  environment: {
    BLOT_HOST: 'blot.example',
    BLOT_PORT: String((app.address() as AddressInfo).port),
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_STORE: `file:${join(directory, 'store')}`,
    EDGE_ISSUER: 'local',
    EDGE_USER: 'nobody',
    EDGE_WORKERS: '1',
    EDGE_PID_FILE: pidFile,
    NOTIFY_SOCKET: join(short, 'notify'),
  },
})
const admin = `http://127.0.0.1:${edge.admin}`
// The one that takes over is nobody's child once the one of before has ended.
t.teardown(async () => {
  const pid = pidOf()
  if (pid !== undefined && pid !== edge.process.pid && existsSync(`/proc/${pid}/exe`)) process.kill(pid, 'SIGKILL')
})

function pidOf(): number | undefined {
  return existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : undefined
}

async function status(): Promise<StatusReport> {
  for (;;) {
    const answer = await fetch(`${admin}/status`)
    if (answer.ok) return answer.json() as Promise<StatusReport>
    await answer.body?.cancel()
  }
}

async function requestsCounted(): Promise<number> {
  const metrics = await fetch(`${admin}/metrics`, { headers: { accept: 'application/json' } })
  const { counters } = (await metrics.json()) as { counters: { durations: { buckets: number[] } } }
  return counters.durations.buckets.reduce((sum, count) => sum + count, 0)
}

function upgrade(...args: string[]): Promise<Ran> {
  const environment = { EDGE_ADMIN: `127.0.0.1:${edge.admin}` }
  return runProgram(releases.program, ['upgrade', '--environment', '/dev/null', ...args], { environment })
}

/** A release whose primary does this on its way to take over, when its workers accept already. */
function addWith(version: string, letGo: string): void {
  const file = join(releases.add(version), 'proxy/src/lifecycle/predecessor.ts')
  const source = readFileSync(file, 'utf8')
  const changed = source.replace('async letGo() {', `async letGo() {\n${letGo}`)
  if (changed === source) throw new Error(`${file} is not as it was`)
  writeFileSync(file, changed)
  releases.switchTo(version)
}

const purge = (tag: string): Promise<Response> =>
  fetch(`${admin}/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tags: [tag] }),
  })

const askPlain = async (): Promise<string> =>
  (await ask({ port: edge.http, host: 'site.blot.example', protocol: 'http/1.1' })).text

await t.test('one that cannot take over leaves the one of before serving', async (t) => {
  const broken = releases.add('1.1.0')
  writeFileSync(join(broken, 'proxy/src/lifecycle/worker.ts'), 'throw new Error("it does not even load")\n')
  releases.switchTo('1.1.0')
  const { code, stderr } = await upgrade()
  t.equal(code, 1)
  t.match(stderr, /nothing has changed.*\n.*it does not even load/)
  t.match((await status()).reload, { state: 'failed', error: /it does not even load/ })
  t.equal(pidOf(), edge.process.pid)
  t.equal(await askPlain(), 'the app')
  t.equal((await purge('after-failure')).status, 200)
})

await t.test('so does one that is killed when nobody leads any more', async (t) => {
  addWith('1.2.0', `await channel.call('primary', 'letGo', null, LET_GO_MS); process.kill(process.pid, 'SIGKILL')`)
  const { code, stdout, stderr } = await upgrade()
  t.equal(code, 1)
  t.match(stdout, /^upgrade {2}another primary is started, process \d+$/m)
  t.match(stderr, /nothing has changed.*\n.*ended with SIGKILL/)
  t.equal(await askPlain(), 'the app')
  t.equal((await purge('after-kill')).status, 200, 'a manager leads again')
  t.match((await status()).reload, { state: 'failed', code: 'EDGE_ERR_SUCCESSOR_LOST' })
  t.equal(pidOf(), edge.process.pid)
})

let socket: WebSocket | undefined
let before: StatusReport | undefined
async function echo(text: string): Promise<string> {
  if (socket === undefined) throw new Error('it is not open')
  const answered = once(socket, 'message')
  socket.send(text)
  return String((await answered)[0])
}

await t.test('the release that the link names takes over, and does it again, under requests and purges', async (t) => {
  socket = new WebSocket(`ws://127.0.0.1:${edge.http}/`, { headers: { host: 'site.blot.example' } })
  await once(socket, 'open')
  before = await status()
  releases.add('2.0.0')
  releases.switchTo('2.0.0')
  const purged: string[] = []
  const visitors = repeat(async () => {
    const text = await askPlain()
    if (text !== 'the app') throw new Error(text)
  })
  const purges = repeat(async () => {
    const tag = `tag-${purged.length}`
    const answer = await purge(tag)
    if (answer.status !== 200) throw new Error(await answer.text())
    purged.push(tag)
  })
  const counted = await requestsCounted()
  const both = await Promise.all([upgrade('--json'), upgrade('--json')])
  t.strictSame(
    both.flatMap(({ code, stderr }) => [stderr, code]),
    ['', 0, '', 0],
  )
  const outcomes = both.map(({ stdout }) => JSON.parse(stdout) as UpgradeOutcome)
  const [first, second] = outcomes.toSorted((left, right) => left.generation - right.generation)
  t.match([first, second], [{ version: '2.0.0' }, { version: '2.0.0', pid: pidOf() }])
  t.equal(second?.generation, Number(first?.generation) + 1, 'one after the other')
  t.match(await told(({ line }) => line === `MAINPID=${first?.pid}`), { pid: edge.process.pid })
  t.match(await told(({ line }) => line === 'READY=1'), { pid: first?.pid })
  t.match(await told(({ line }) => line === `MAINPID=${second?.pid}`), { pid: first?.pid })
  t.match(await told(({ line }) => line === 'READY=1'), { pid: second?.pid })
  t.strictSame([...(await visitors.stop()), ...(await purges.stop())], [], 'nobody noticed')
  t.ok((await requestsCounted()) >= counted, 'nothing that was counted is lost')
  const { entries } = await readPurgeJournal(join(directory, 'edge/purges'))
  t.strictSame(
    entries.flatMap(({ purge: { tags } }) => tags),
    ['after-failure', 'after-kill', ...purged],
  )
})

await t.test('a WebSocket goes on behind the first of three primaries, whose worker hears of purges', async (t) => {
  t.equal(await echo('still there?'), 'still there?')
  const { version, startedAt, processes } = await status()
  t.equal(version, '2.0.0')
  t.equal(startedAt, before?.startedAt, 'it is the same edge')
  t.match(
    processes.filter(({ state, generation }) => state === 'draining' && generation === 1),
    [
      { id: 'primary', pid: edge.process.pid },
      { id: 'worker-1', generation: 1, underWay: { tunnels: 1 } },
    ],
  )
  const worker = before?.processes.find(({ id }) => id === 'worker-1')
  t.equal((await purge('for-all')).status, 200)
  await edge.logged(
    ({ msg, pid, names }) => msg === 'purge applied' && pid === worker?.pid && String(names).includes('for-all'),
  )
  const counted = await requestsCounted()
  const ended = once(edge.process, 'exit')
  socket?.close()
  t.strictSame(await ended, [0, null], 'it ends with its last connection')
  // What was between it and the one that serves ends as well.
  await pollUntil(async () => (await status()).processes.length === 3)
  t.ok((await requestsCounted()) >= counted, 'and what it counted stays')
})

await t.test('one that takes over goes on when the one before it is killed', async (t) => {
  addWith('2.1.0', `process.kill(process.ppid, 'SIGKILL')`)
  const killed = pidOf()
  t.match(await upgrade(), { code: 1, stderr: /the edge ended before it was done/ })
  await told(({ line, pid }) => line === 'READY=1' && pid !== killed)
  t.not(pidOf(), killed)
  t.match(await status(), { version: '2.1.0', state: 'running', processes: { length: 3 } })
  t.equal(await askPlain(), 'the app')
  t.equal((await purge('after-both')).status, 200)
})

await t.test('the new one is as good as the old one, and with it all that drain are ended', async (t) => {
  const tunnel = new WebSocket(`ws://127.0.0.1:${edge.http}/`, { headers: { host: 'site.blot.example' } })
  tunnel.on('error', () => undefined)
  await once(tunnel, 'open')
  const cut = once(tunnel, 'close')
  releases.add('2.2.0')
  releases.switchTo('2.2.0')
  t.match(await upgrade(), { code: 0 })
  t.equal((await fetch(`${admin}/reload`, { method: 'POST' })).status, 200)
  t.match(await upgrade(), { code: 0 })
  t.equal(await askPlain(), 'the app')
  const { processes } = await status()
  const primaries = processes.filter(({ role }) => role === 'primary').map(({ pid }) => pid)
  t.equal(primaries.length, 3)
  t.equal(primaries[0], pidOf())
  process.kill(Number(primaries[0]), 'SIGTERM')
  await told(({ line, pid }) => line === 'STOPPING=1' && pid === primaries[0])
  // It would wait for the tunnel, which is behind the first of the three.
  process.kill(Number(primaries[0]), 'SIGTERM')
  await cut
  for (const { pid } of processes) await pollUntil(() => Promise.resolve(!existsSync(`/proc/${pid}/exe`)))
  await t.rejects(askPlain(), { code: 'ECONNREFUSED' })
})
