import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createNetServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ask, type Protocol } from '../integration/client.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { until } from '../until.ts'
import { APP, BODY, fileRows, LONG_NAME, MODIFIED, TAG } from './file-rows.ts'

const HOST = 'customer.example'
const PROTOCOLS: readonly Protocol[] = ['http/1.1', 'https/1.1', 'h2']

const directory = temporaryDirectory(t)
const app = createServer((request, response) => {
  request.resume()
  response.statusCode = 404
  response.end(APP)
})
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => {
  app.close()
  app.closeAllConnections()
})

const folder = join(directory, 'blog')
const cdn = join(directory, 'data/static')
for (const made of [join(folder, 'd'), cdn, join(directory, 'cache', HOST)]) mkdirSync(made, { recursive: true })
symlinkSync(folder, join(directory, 'cache', HOST, 'folder'))
const files: Readonly<Record<string, string>> = {
  'a.txt': BODY,
  'n.css': 'plain',
  'n.css.br': 'as br',
  'n.css.gz': 'as gzip',
  'n.css.zst': 'as zstd',
  'd/index.html': 'index',
  'café.txt': 'café',
  '.hidden': 'secret',
  [LONG_NAME]: 'long',
}
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
for (const name of Object.keys(files)) utimesSync(join(folder, name), MODIFIED, MODIFIED)
writeFileSync(join(cdn, 'a.css'), 'a {}')
writeFileSync(join(directory, 'outside.txt'), 'secret')
symlinkSync('../outside.txt', join(folder, 'outside.txt'))
symlinkSync('/dev/zero', join(folder, 'device.txt'))
execFileSync('mkfifo', [join(folder, 'fifo.txt')])
const socket = createNetServer().listen(join(folder, 'socket.txt'))
t.teardown(() => socket.close())

const edge = await startEdge(t, {
  args: ['run'],
  directory,
  environment: {
    BLOT_HOST: 'blot.example',
    BLOT_PORT: String((app.address() as AddressInfo).port),
    EDGE_STORE: `file:${directory}/edge/store`,
    EDGE_ISSUER: 'local',
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_PERMISSION: 'all',
    EDGE_USER: 'nobody',
    EDGE_WORKERS: '1',
  },
})
// What was written a moment ago has a weak tag. The last of them:
await until('the files have been left alone for long enough', async () => {
  const { headers } = await ask({
    port: edge.http,
    host: HOST,
    path: `/${encodeURIComponent(LONG_NAME)}`,
    protocol: 'http/1.1',
  })
  return headers.etag?.startsWith('"') === true
})

function target(protocol: Protocol, host = HOST): { port: number; host: string; ca: string; protocol: Protocol } {
  return { port: protocol === 'http/1.1' ? edge.http : edge.https, host, ca: edge.ca, protocol }
}

for (const protocol of PROTOCOLS) {
  await t.test(`files over ${protocol}`, async (t) => {
    const { headers } = await ask({ ...target(protocol), path: '/a.txt' })
    const tag = headers.etag ?? ''
    for (const { name, path, method, headers = {}, status, fields = {}, body } of fileRows) {
      const asked = Object.entries(headers).map(([field, value]) => [field, value.replace(TAG, tag)] as const)
      const question = { path, headers: Object.fromEntries(asked), ...(method !== undefined && { method }) }
      const answer = await ask({ ...target(protocol), ...question })
      t.match({ status: answer.status, text: answer.text }, { status, ...(body !== undefined && { text: body }) }, name)
      if (body === '') t.equal(answer.text, '', `${name}: no body`)
      for (const [field, value] of Object.entries(fields)) {
        if (value === undefined) t.notOk(field in answer.headers, `${name}: no ${field}`)
        else t.match(answer.headers[field], value, `${name}: ${field}`)
      }
    }
  })

  await t.test(`the cdn over ${protocol}`, async (t) => {
    const there = target(protocol, 'cdn.blot.example')
    t.match(await ask({ ...there, path: '/a.css' }), { status: 200, text: 'a {}' })
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const refused = await ask({ ...there, path: '/a.css', method })
      t.match(refused, { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } }, method)
    }
    t.match(await ask({ ...there, path: '/a.css', method: 'OPTIONS' }), { text: APP })
  })
}
