import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder, writeFiles, type Files } from './support/test-app.ts'
import { visit } from './support/visit.ts'
import { waitUntil } from './support/wait-until.ts'

const main = path.resolve(import.meta.dirname, '../src/main.ts')

interface RunningMain {
  readonly child: ChildProcess
  readonly folder: string
  output(): string
  errors(): string
  readonly exited: Promise<[number | null, string | null]>
}

interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly files?: Files
  readonly parent?: boolean
}

function run(t: Test, { environment = {}, files = {}, parent = false }: RunOptions = {}): RunningMain {
  const folder = temporaryFolder(t)
  writeFiles(path.join(folder, 'blogs'), { 'garden/a.txt': 'a', ...files })
  const child = spawn(process.execPath, [main], {
    env: {
      BLOT_PORT: '0',
      BLOT_BLOGS_DIRECTORY: path.join(folder, 'blogs'),
      BLOT_DATA_DIRECTORY: path.join(folder, 'data'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(parent ? (['ipc'] as const) : [])],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  let errors = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const exited = once(child, 'exit').then(([code, signal]): [number | null, string | null] => [code, signal])
  return { child, folder, output: () => output, errors: () => errors, exited }
}

async function portOf(running: RunningMain): Promise<number> {
  const address = /"address":"http:\/\/127\.0\.0\.1:(\d+)"/
  await waitUntil(() => address.test(running.output()), 15_000)
  return Number(address.exec(running.output())?.[1])
}

await t.test('it says where it listens, and a signal ends it', async (t) => {
  const signals = ['SIGTERM', 'SIGINT'] as const
  const endings = signals.map(async (signal) => {
    const running = run(t)
    const port = await portOf(running)
    t.equal((await visit(port, 'http://garden.blot.localhost/a.txt')).status, 200)
    running.child.kill(signal)
    t.strictSame(await running.exited, [0, null])
    t.equal(running.errors(), '')
  })
  await Promise.all(endings)
})

await t.test('with a parent it reports the port, and ends when the parent is gone', async (t) => {
  const running = run(t, { parent: true })
  const [message]: unknown[] = await once(running.child, 'message')
  t.match(message, { type: 'listening', port: await portOf(running) })
  running.child.disconnect()
  t.strictSame(await running.exited, [0, null])
})

await t.test('draining', async (t) => {
  const running = run(t, { files: { 'garden/big.bin': Buffer.alloc(20_000_000, 'x') } })
  const port = await portOf(running)
  const open = async (request: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.write(request)
    return socket
  }
  const idle = await open('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(idle, 'data')
  const stream = await open('GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await once(stream, 'data')
  const download = await open('GET /big.bin HTTP/1.1\r\nHost: garden.blot.localhost\r\n\r\n')
  await once(download, 'readable')

  let streamed = ''
  stream.on('data', (chunk: Buffer) => (streamed += chunk.toString()))
  const ended = [once(idle, 'end'), once(stream, 'end')]
  idle.resume()
  running.child.kill('SIGTERM')
  await Promise.all(ended)
  t.match(streamed, /0\r\n\r\n$/, 'the stream ends properly')
  await t.rejects(visit(port, 'http://localhost/health'), 'nobody new is let in')
  t.equal(running.child.exitCode, null, 'it waits for the download')

  let bytes = 0
  download.on('data', (chunk: Buffer) => (bytes += chunk.length))
  t.strictSame(await running.exited, [0, null])
  t.ok(bytes > 20_000_000, 'the download is complete')
})

await t.test('an edge that asks for its health is told before the port closes', async (t) => {
  const running = run(t)
  const port = await portOf(running)
  const health = () => visit(port, 'http://localhost/health', { headers: { 'user-agent': 'blot-edge (health check)' } })
  t.equal((await health()).status, 200)
  running.child.kill('SIGTERM')
  await waitUntil(() => running.output().includes('draining'), 15_000)
  const headers = { connection: 'keep-alive' }
  const page = await visit(port, 'http://garden.blot.localhost/a.txt', { headers })
  t.match([page.status, page.headers.connection], [200, 'close'], 'everybody is served meanwhile')
  const told = await health()
  t.match([told.status, told.headers['retry-after']], [503, '1'])
  t.strictSame(await running.exited, [0, null])
})

await t.test('a wrong environment is told at once, and nothing is opened', async (t) => {
  const running = run(t, { environment: { BLOT_PORT: 'x', BLOT_CACHE: 'maybe', BLOT_UPLOAD_TOKEN: 'a b' } })
  t.strictSame(await running.exited, [1, null])
  t.strictSame(running.errors().trim().split('\n'), [
    'BLOT_PORT="x": expected a port from 0 to 65535; 0 means any free port',
    'BLOT_CACHE="maybe": expected true or false',
    'BLOT_UPLOAD_TOKEN: expected printable ASCII without spaces',
  ])
  t.notOk(existsSync(path.join(running.folder, 'data')))
})

await t.test('a port in use says so', async (t) => {
  const first = run(t)
  const second = run(t, { environment: { BLOT_PORT: String(await portOf(first)) } })
  t.strictSame(await second.exited, [1, null])
  t.match(second.errors(), /BLOT_PORT=\d+ cannot be opened: .*EADDRINUSE.*Choose another one/)
})
