import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { status } from '../../src/commands/status.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { freePort } from '../store/redis-server.ts'
import { call } from './call.ts'
import { runEdge } from './run-edge.ts'

/** Short enough for a socket, as the folders of the test runner are not. */
function socketPath(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'status-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return join(directory, 's')
}

/** Another program at the address of the admin API. */
async function listen(t: Test, answer: RequestListener, path?: string): Promise<string> {
  const server = createServer(answer)
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return path === undefined ? `127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`
}

await t.test('a running edge tells its processes, ports and upstreams to whoever has the token', async (t) => {
  const edge = await startEdge(t, {
    args: ['dev', '--upstream', 'http://127.0.0.1:9'],
    directory: temporaryDirectory(t),
    environment: { EDGE_ADMIN_TOKEN: 'hunter2' },
  })
  const EDGE_ADMIN = `127.0.0.1:${edge.admin}`
  const environment = { EDGE_ADMIN, EDGE_ADMIN_TOKEN: 'hunter2' }
  const { code, stdout, stderr } = await runEdge(['status', '--environment', '/dev/null'], { environment })
  t.equal(stderr, '')
  t.equal(code, 0)
  t.match(stdout, /^blot-edge \d+\.\d+\.\d+ for blot\.localhost: running, up \d+ (s|min)/)
  t.match(stdout, new RegExp(`^ {2}\\S+ +primary +${edge.process.pid} +running +\\d+ s`, 'm'))
  t.match(stdout, /^ {2}\S+ +worker +\d+ +running +\d+ s +\d+ +\d+ +\d+ MB$/m)
  t.match(stdout, /^ {2}\S+ +manager +\d+ +running/m)
  t.match(stdout, new RegExp(`^ {2}https +127\\.0\\.0\\.1 +${edge.https}$`, 'm'))
  t.match(stdout, /^ {2}http:\/\/127\.0\.0\.1:9 +(up|away) +0/m)

  const json = await call(status, { json: true }, environment)
  t.match(JSON.parse(json.stdout), { state: 'running', upstreams: [{ url: 'http://127.0.0.1:9', backup: false }] })

  await t.rejects(call(status, {}, { EDGE_ADMIN }), {
    code: 'EDGE_ERR_ADMIN_UNAVAILABLE',
    message: /it wants the token of EDGE_ADMIN_TOKEN$/,
  })
})

await t.test('where nobody listens, it says so', async (t) => {
  const environment = { EDGE_ADMIN: `127.0.0.1:${await freePort()}` }
  const { code, stdout, stderr } = await runEdge(['status', '--environment', '/dev/null'], { environment })
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, `blot-edge: no answer from an edge at ${environment.EDGE_ADMIN}: nobody listens there`)
  t.match(stderr, /\(EDGE_ERR_ADMIN_UNAVAILABLE\)\n$/)
  await t.rejects(call(status, {}, { EDGE_ADMIN: `unix:${socketPath(t)}` }), { message: /nobody listens there/ })
})

await t.test('another program is not taken for an edge', async (t) => {
  const answers: readonly (readonly [status: number, body: string, message: RegExp])[] = [
    [200, 'hello', /is no blot-edge/],
    [200, '{"processes":1}', /is no blot-edge/],
    [200, 'null', /is no blot-edge/],
    [200, 'x'.repeat(1024 * 1024 + 1), /it answers without end/],
    [404, '', /it answered 404/],
  ]
  for (const [code, body, message] of answers) {
    const EDGE_ADMIN = await listen(t, (_request, response) => response.writeHead(code).end(body))
    await t.rejects(call(status, {}, { EDGE_ADMIN }), { code: 'EDGE_ERR_ADMIN_UNAVAILABLE', message })
  }
})

await t.test('it asks through a Unix socket too', async (t) => {
  const report = {
    version: '1',
    state: 'running',
    uptimeMs: 93_784_000,
    host: 'h',
    processes: [],
    listeners: [],
    upstreams: [],
  }
  const EDGE_ADMIN = await listen(t, (_request, response) => response.end(JSON.stringify(report)), socketPath(t))
  t.match((await call(status, {}, { EDGE_ADMIN })).stdout, 'blot-edge 1 for h: running, up 1 d 2 h\n')
})

await t.test('the rest of the configuration may be faulty', async (t) => {
  const { stderr } = await runEdge(['status', '--environment', '/dev/null'], {
    environment: { EDGE_ADMIN: 'there', EDGE_HTTP_PORT: 'x' },
  })
  t.match(
    stderr,
    /the configuration has 1 fault \(EDGE_ERR_CONFIG_INVALID\)\n {2}EDGE_ADMIN +there +must be an IP address/,
  )
})
