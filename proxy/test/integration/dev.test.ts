import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer as createApp, type ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ask } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

/** `npm start`: the edge with the Blot app behind it. */

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

await t.test('the app is started again when it ends, and ended when the terminal says Ctrl-C', async (t) => {
  const environment = { EDGE_ADMIN_TOKEN: 'hunter2' }
  const edge = await startEdge(t, { args: ['dev'], directory: t.testdir(), environment, detached: true })
  const site = { port: edge.https, host: 'garden.blot.localhost', ca: edge.ca, path: '/health-of-the-app' }
  const appOf = (): number => {
    const children = readFileSync(`/proc/${edge.process.pid}/task/${edge.process.pid}/children`, 'utf8')
    const pids = children.trim().split(' ').map(Number)
    return pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('blot-app')) ?? 0
  }
  const first = appOf()
  t.equal(parentOf(first), edge.process.pid)
  t.notMatch(readFileSync(`/proc/${first}/environ`, 'utf8'), /hunter2/, 'the edge’s secrets are not told to the app')
  t.equal((await ask(site)).status, 404, 'the app answers')

  process.kill(first, 'SIGKILL')
  await edge.logged((line) => line['msg'] === 'the app ended and is started again')
  await edge.logged((line) => line['name'] === 'blot-app' && 'address' in line && line['pid'] !== first)
  t.equal((await ask(site)).status, 404, 'on the port that the edge knows')

  const second = appOf()
  const ended = once(edge.process, 'exit')
  process.kill(-(edge.process.pid ?? 0), 'SIGINT')
  t.same(await ended, [0, null])
  t.equal(edge.errors(), '')
  t.notOk(existsSync(`/proc/${second}/fd/0`), 'the app has ended too')
  const restarts = edge.log.filter(({ msg }) => msg === 'the app ended and is started again')
  t.equal(restarts.length, 1, 'Ctrl-C is not taken for an accident')
  t.match(edge.log.at(-1), { msg: 'stopped' })
  t.same(
    edge.log.filter(({ level }) => level === 'error'),
    [],
    'to stop is no fault',
  )
})

await t.test('an app that cannot start ends the edge, with its reason', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const directory = t.testdir()
  const starting = startEdge(t, { args: ['dev'], directory, environment: { BLOT_PORT: String(port) } })
  const outcome = await starting.then(String, String)
  t.match(outcome, new RegExp(`ended with 1[^]*BLOT_PORT=${port} cannot be opened[^]*the app ended with code 1`))
  t.notMatch(outcome, / {4}at /, 'no stack trace')
  t.ok(existsSync(join(directory, 'edge')))
})

await t.test('a Ctrl-C that npm passes on once more still drains', async (t) => {
  const app = createApp().listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  const { port } = app.address() as AddressInfo
  const args = ['dev', '--upstream', `http://127.0.0.1:${port}`, '--host', 'app.localhost']
  const edge = await startEdge(t, { args, directory: temporaryDirectory(t) })
  const page = ask({ port: edge.https, host: 'app.localhost', ca: edge.ca, path: '/' })
  const [, response] = (await once(app, 'request')) as [unknown, ServerResponse]

  const ended = once(edge.process, 'exit')
  edge.process.kill('SIGINT')
  await edge.logged(({ msg }) => msg === 'draining')
  edge.process.kill('SIGINT')
  t.equal((await fetch(`http://127.0.0.1:${edge.admin}/status`)).status, 200, 'the primary has answered since')
  response.end('whole')
  t.match(await page, { status: 200, text: 'whole' })
  t.same(await ended, [0, null])
})
