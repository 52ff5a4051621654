import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { root } from '../commands/run-edge.ts'
import { temporaryDirectory } from './edge.ts'
import { listenForNotices } from './notices.ts'

/** systemd's part: sockets that it opened, and a socket that it is told things on. */

async function listen(t: Test): Promise<{ server: Server; fd: number; port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { _handle: handle } = server as unknown as { _handle: { fd: number } }
  return { server, fd: handle.fd, port: (server.address() as AddressInfo).port }
}

function start(directory: string, environment: Record<string, string>, fds: readonly number[]) {
  return spawn(join(root, 'bin/blot-edge'), ['run', '--environment', '/dev/null'], {
    stdio: ['ignore', 'ignore', 'pipe', ...fds],
    env: {
      ...process.env,
      BLOT_HOST: 'blot.localhost',
      BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
      BLOT_DATA_DIRECTORY: join(directory, 'data'),
      EDGE_ADDRESS: '127.0.0.1',
      EDGE_ADMIN: '127.0.0.1:0',
      EDGE_DATA_DIRECTORY: join(directory, 'edge'),
      EDGE_STORE: `file:${join(directory, 'store')}`,
      EDGE_PID_FILE: join(directory, 'edge.pid'),
      EDGE_ISSUER: 'local',
      EDGE_PERMISSION: 'all',
      EDGE_WORKERS: '1',
      EDGE_USER: process.getuid?.() === 0 ? 'nobody' : '',
      ...environment,
    },
  })
}

await t.test(
  'it serves on sockets that it was given, and systemd hears of start, watchdog, reload and end',
  async (t) => {
    const directory = temporaryDirectory(t)
    const socket = join(directory, 'notify')
    const told = await listenForNotices(t, socket)
    const [http, https] = [await listen(t), await listen(t)]
    const environment = {
      EDGE_HTTP_PORT: String(http.port),
      EDGE_HTTPS_PORT: '0',
      LISTEN_FDS: '2',
      LISTEN_FDNAMES: 'http:https',
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: '1000000',
    }
    const edge = start(directory, environment, [http.fd, https.fd])
    t.teardown(() => edge.kill('SIGKILL'))
    let said = ''
    edge.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    // As a supervisor that has handed them over: who comes now waits for the edge.
    http.server.close()
    https.server.close()
    const early = once(edge, 'exit').then(([code]) => Promise.reject(new Error(`the edge ended with ${code}: ${said}`)))
    early.catch(() => undefined)
    const ready = await Promise.race([told(({ line }) => line === 'READY=1'), early])
    t.equal(ready.pid, edge.pid, 'NotifyAccess=main is enough')
    t.match(
      await told(() => true),
      { line: `STATUS=serving on http ${http.port}, https ${https.port}` },
      'and which they are',
    )
    t.equal((await fetch(`http://127.0.0.1:${http.port}/health`)).status, 200)
    await told(({ line }) => line === 'WATCHDOG=1')
    edge.kill('SIGHUP')
    await told(({ line }) => line === 'RELOADING=1')
    t.match(await told(() => true), { line: /^MONOTONIC_USEC=\d+$/ })
    await told(({ line }) => line === 'READY=1')
    t.equal((await fetch(`http://127.0.0.1:${http.port}/health`)).status, 200)
    const ended = once(edge, 'exit')
    edge.kill('SIGTERM')
    await told(({ line }) => line === 'STOPPING=1')
    t.same(await ended, [0, null])
  },
)

await t.test('a socket that is not what the configuration says is refused, with what would be right', async (t) => {
  const directory = temporaryDirectory(t)
  const { fd, port } = await listen(t)
  const rows: [Record<string, string>, RegExp][] = [
    [
      { LISTEN_FDNAMES: 'http', EDGE_HTTP_PORT: '1' },
      new RegExp(`listens on port ${port}, and the configuration says 1`),
    ],
    [{ LISTEN_FDNAMES: 'web' }, /is none of http, https and admin: say FileDescriptorName=http/],
    [{ LISTEN_FDNAMES: 'http', LISTEN_FDS: 'two' }, /LISTEN_FDS=two is no number of sockets/],
    [{ LISTEN_FDNAMES: 'http:https', LISTEN_FDS: '2' }, /is no (socket that listens|TCP socket)/],
  ]
  for (const [environment, message] of rows) {
    const edge = start(directory, { EDGE_HTTP_PORT: '0', EDGE_HTTPS_PORT: '0', LISTEN_FDS: '1', ...environment }, [fd])
    let said = ''
    edge.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const [code] = (await once(edge, 'close')) as [number]
    t.equal(code, 1)
    t.match(said, message)
    t.match(said, 'EDGE_ERR_SOCKET_UNFIT')
  }
})
