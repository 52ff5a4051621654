import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { pollUntil } from '../until.ts'
import { ask, type Answer } from './client.ts'
import { startEdge, type RunningEdge } from './edge.ts'

/** What an operator sees when a process of the edge hangs, starves or dies, one after the other. */

type Process = { role: string; id: string; pid: number; state: string; requests: number }

const app = createServer((_request, response) => response.end('the app answers'))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})
const upstream = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
const args = ['dev', '--upstream', upstream, '--host', 'app.localhost', '--host', 'other.localhost']
const directory = t.testdir()
const edge = await startEdge(t, { args, directory, environment: { EDGE_WORKERS: '2', EDGE_ISSUE_WAIT_MS: '60000' } })

async function processes(): Promise<Process[]> {
  const page = await ask({ port: edge.admin, host: 'x', authority: '127.0.0.1', protocol: 'http/1.1', path: '/status' })
  return (JSON.parse(page.text) as { processes: Process[] }).processes
}

async function processOf(id: string): Promise<Process> {
  const found = (await processes()).find((process) => process.id === id)
  if (found === undefined) throw new Error(`there is no ${id}`)
  return found
}

function askPlain(of: RunningEdge): Promise<Answer> {
  return ask({ port: of.http, host: 'app.localhost', protocol: 'http/1.1' })
}

await t.test('a manager that is killed in the middle of an order', async (t) => {
  const manager = await processOf('manager')
  process.kill(manager.pid, 'SIGSTOP')
  const name = { servername: 'app.localhost', rejectUnauthorized: false }
  const visitor = tls.connect({ port: edge.https, host: '127.0.0.1', ...name })
  const secured = once(visitor, 'secureConnect')
  await once(visitor, 'connect')
  process.kill(manager.pid, 'SIGKILL')
  await secured
  t.match(
    visitor.getPeerCertificate().subjectaltname,
    /^DNS:blot\.localhost,/,
    'the fallback, long before the wait is over',
  )
  visitor.destroy()
  t.match(await edge.logged((line) => line['msg'] === 'process ended'), { area: 'manager', err: /SIGKILL/ })

  await pollUntil(async () => (await processOf('manager').catch(() => manager)).pid !== manager.pid)
  t.pass('the admin API is back on its port')
  const { text, certificate } = await ask({ port: edge.https, host: 'other.localhost', ca: edge.ca })
  t.equal(text, 'the app answers')
  t.match(certificate, /other\.localhost/, 'orders are taken again')
})

await t.test('a worker that hangs is missing from the numbers, and nothing else is', async (t) => {
  const { pid } = await processOf('worker-1')
  process.kill(pid, 'SIGSTOP')
  t.teardown(() => process.kill(pid, 'SIGCONT'))
  // Those that the stopped worker would have to accept wait; the other one takes what it can.
  await Promise.any(Array.from({ length: 4 }, () => askPlain(edge)))
  const list = await processes()
  t.match(
    list.find(({ id }) => id === 'worker-1'),
    { state: 'running', requests: 0 },
  )
  t.ok((list.find(({ id }) => id === 'worker-2')?.requests ?? 0) > 0)
})

await t.test('workers without a free descriptor lose connections, and not themselves', async (t) => {
  const workers = (await processes()).filter(({ role }) => role === 'worker')
  for (const { pid } of workers) {
    const limit = readdirSync(`/proc/${pid}/fd`).length + 5
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:${limit}`])
  }
  const visitors = Array.from({ length: 60 }, () =>
    connect(edge.http, '127.0.0.1')
      .on('error', () => undefined)
      .resume(),
  )
  await Promise.any(visitors.map((visitor) => once(visitor, 'close')))
  for (const visitor of visitors) visitor.destroy()
  await pollUntil(async () => (await askPlain(edge).catch(() => undefined))?.text === 'the app answers')
  const now = (await processes()).filter(({ role }) => role === 'worker')
  t.same(
    now.map(({ pid }) => pid),
    workers.map(({ pid }) => pid),
  )
})

await t.test('when the primary is killed, everybody ends and the ports are free', async (t) => {
  const pids = (await processes()).map(({ pid }) => pid)
  edge.process.kill('SIGKILL')
  await pollUntil(() => pids.every((pid) => !existsSync(`/proc/${pid}/fd/0`)))
  const environment = { EDGE_HTTP_PORT: String(edge.http), EDGE_ADMIN: `127.0.0.1:${edge.admin}` }
  const again = await startEdge(t, { args, directory, environment })
  t.equal((await askPlain(again)).text, 'the app answers')
})
