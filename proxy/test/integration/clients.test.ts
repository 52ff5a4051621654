import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { Agent, request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'
import { startEdge, temporaryDirectory } from './edge.ts'

const run = promisify(execFile)
const HOST = 'app.localhost'
/** More than any buffer on the way. */
const BODY = randomBytes(2 * 1024 * 1024)
const LIMIT_MS = 30_000

/** An app that says what it was sent, by its hash. */
const app = createServer((request, response) => {
  const hash = createHash('sha256')
  request.on('data', (chunk: Buffer) => hash.update(chunk))
  request.once('end', () => {
    if (request.url === '/body') response.end(BODY)
    else response.end(`${request.method} ${request.url} ${hash.digest('hex')}`)
  })
})
const webSockets = new WebSocketServer({ server: app })
webSockets.on('connection', (socket) => socket.on('message', (data: Buffer, binary) => socket.send(data, { binary })))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  webSockets.close()
  app.close()
  app.closeAllConnections()
})
const directory = temporaryDirectory(t)
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(app.address() as AddressInfo).port}`, '--host', HOST],
  directory,
})
const root = join(directory, 'edge/local-ca/root.pem')
const file = join(directory, 'body')
writeFileSync(file, BODY)

const ORIGIN = `https://${HOST}:${edge.https}`

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

await t.test('curl', async (t) => {
  const resolved = ['--resolve', `${HOST}:${edge.https}:127.0.0.1`, '--cacert', root]
  const curl = async (...args: string[]): Promise<Buffer> => {
    const options = { encoding: 'buffer', maxBuffer: 2 * BODY.length, timeout: LIMIT_MS } as const
    return (await run('curl', ['-sS', '--fail', ...resolved, ...args], options)).stdout
  }
  const old = await curl('--http1.0', '--no-alpn', `${ORIGIN}/body`)
  t.equal(sha256(old), sha256(BODY), 'HTTP/1.0: a large answer')
  for (const version of ['--http1.1', '--http2']) {
    t.equal(sha256(await curl(version, `${ORIGIN}/body`)), sha256(BODY), `${version}: a large answer`)
    const posted = `POST /upload ${sha256(BODY)}`
    const upload = [version, '--data-binary', `@${file}`, `${ORIGIN}/upload`]
    t.equal(String(await curl(...upload)), posted, `${version}: a large upload, which waits for 100 Continue`)
    const chunked = ['-H', 'Transfer-Encoding: chunked', ...upload]
    if (version === '--http1.1') t.equal(String(await curl(...chunked)), posted, `${version}: of unknown length`)
    const twice = await curl(version, `${ORIGIN}/1`, `${ORIGIN}/2`, '-w', '%{num_connects} ')
    t.match(
      String(twice),
      /GET \/1 \w+1 GET \/2 \w+0 $/,
      `${version}: the second goes over the connection of the first`,
    )
  }
})

await t.test('undici', async (t) => {
  for (const allowH2 of [false, true]) {
    // All names are this machine: `*.localhost` need not be in its hosts file.
    const connect = { ca: edge.ca, servername: HOST }
    const dispatcher = new Agent({ allowH2, connect })
    t.teardown(() => dispatcher.close())
    const options = { dispatcher, headers: { host: HOST } }
    const url = `https://127.0.0.1:${edge.https}`
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const { statusCode, body } = await request(`${url}/${i}`, { ...options, method: 'PUT', body: BODY })
        return `${statusCode} ${await body.text()}`
      }),
    )
    t.strictSame(
      answers,
      answers.map((_, i) => `200 PUT /${i} ${sha256(BODY)}`),
      `uploads at once, ${allowH2 ? 'over HTTP/2' : 'over HTTP/1.1'}`,
    )
    const { body } = await request(`${url}/body`, options)
    t.equal(sha256(new Uint8Array(await body.arrayBuffer())), sha256(BODY))
  }
})

await t.test('ws', async (t) => {
  for (const [scheme, port] of [
    ['ws', edge.http],
    ['wss', edge.https],
  ] as const) {
    const options = { ca: edge.ca, servername: HOST, headers: { host: HOST }, perMessageDeflate: true }
    const socket = new WebSocket(`${scheme}://127.0.0.1:${port}/`, options)
    await once(socket, 'open')
    socket.ping()
    await once(socket, 'pong')
    socket.send(BODY)
    const [data] = (await once(socket, 'message')) as [Buffer]
    t.equal(sha256(data), sha256(BODY), scheme)
    socket.close(1000, 'enough')
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    t.strictSame([code, String(reason)], [1000, 'enough'])
  }
})

await t.test('h2load', async (t) => {
  const lanes = [
    ['HTTP/2', 'https', edge.https, []],
    ['HTTP/1.1 over TLS', 'https', edge.https, ['--h1']],
    ['HTTP/1.1', 'http', edge.http, ['--h1']],
  ] as const
  for (const [name, scheme, port, args] of lanes) {
    const load = ['-n', '1000', '-c', '10', '-m', '20', `--connect-to=127.0.0.1:${port}`]
    const { stdout } = await run('h2load', [...load, ...args, `${scheme}://${HOST}:${port}/`], { timeout: LIMIT_MS })
    t.match(stdout, /1000 succeeded, 0 failed, 0 errored/, name)
    t.match(stdout, /1000 2xx/, name)
  }
})
