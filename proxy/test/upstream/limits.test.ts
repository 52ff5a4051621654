import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { RequestHead } from '../../src/request.ts'
import { identifySite } from '../../src/site/site.ts'
import { classOf, STREAM_MS, type RequestClass } from '../../src/upstream/classes.ts'
import { startFront } from './front.ts'
import { plain, startOrigin } from './origin.ts'
import { ask, PROTOCOLS } from './visitor.ts'

const run = promisify(execFile)
const MB = 1024 * 1024
const SMALL: RequestClass = { sendMs: 5000, readMs: 5000, bodyMs: 5000, maxBodyBytes: 10 }

/** An app that reads uploads to their end and says how long they were. */
async function startCounter(t: Test): Promise<{ port: number; requests: () => number }> {
  let requests = 0
  const server = http.createServer((request, response) => {
    requests++
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => response.end(String(bytes)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, requests: () => requests }
}

await t.test('classes: paths of the main site, streams, and nothing for those who write a path oddly', async (t) => {
  const classFor = (host: string, target: string, accept = '*/*'): RequestClass =>
    classOf({ site: identifySite(host, 'blot.test', false), target, headers: { accept } } as RequestHead)
  const limits: [host: string, target: string, maxBodyBytes: number, readMs: number][] = [
    ['blot.test', '/', MB, 15_000],
    ['blot.test', '/log-in?from=x', 4096, 15_000],
    ['blot.test', '/log-in/more', MB, 15_000],
    ['blot.test', '/sign-up', 4096, 15_000],
    ['blot.test', '/clients', 1000 * MB, 180_000],
    ['blot.test', '/clients/git/end/x.git/git-receive-pack', 2000 * MB, 180_000],
    ['www.blot.test', '/dashboard/x', 1000 * MB, 180_000],
    ['blot.test', '/sites/garden/files/a.png', 1000 * MB, 180_000],
    ['blot.test', '/sitesmap', MB, 15_000],
    ['blot.test', '/%63lients/', MB, 15_000],
    ['garden.blot.test', '/clients/git/', MB, 15_000],
    ['example.com', '/log-in', MB, 15_000],
    ['webhooks.blot.test', '/any', 100 * MB, STREAM_MS],
  ]
  for (const [host, target, maxBodyBytes, readMs] of limits) {
    t.match(classFor(host, target), { maxBodyBytes, readMs }, host + target)
  }
  t.match(classFor('example.com', '/status', 'text/event-stream'), {
    maxBodyBytes: MB,
    readMs: STREAM_MS,
    bodyMs: 10_000,
  })
})

for (const protocol of PROTOCOLS) {
  await t.test(`${protocol}: a body that is too large`, async (t) => {
    const app = await startCounter(t)
    const front = await startFront(t, { upstreams: [app.port], classify: () => SMALL })
    const told = await ask(front, protocol, {
      method: 'POST',
      headers: ['content-length', '11'],
      body: 'hello',
      unfinished: true,
    })
    t.equal(told.status, 413)
    t.match(told.body.toString(), /^page too-large/)
    t.equal(app.requests(), 0, 'by its length: the app is not asked')
    const counted = await ask(front, protocol, { method: 'POST', body: ['hello', 'world', '!'] })
    t.equal(counted.status, 413, 'counted')
    const fits = await ask(front, protocol, { method: 'POST', body: ['hello', 'world'] })
    t.equal(fits.body.toString(), '10')
    t.match(front.pool.stats(), [{ active: 0, state: 'up' }])
  })

  await t.test(`${protocol}: a visitor whose body does not go on gets 408`, async (t) => {
    const origin = await startOrigin(t, () => {})
    const front = await startFront(t, { upstreams: [origin.port], classify: () => ({ ...SMALL, bodyMs: 100 }) })
    const got = await ask(front, protocol, {
      method: 'POST',
      headers: ['content-length', '9'],
      body: 'part',
      unfinished: true,
    })
    t.equal(got.status, 408)
    t.match(got.body.toString(), /^page timeout/)
    await origin.ended()
  })

  await t.test(`${protocol}: an upstream that takes no more of a body: 504`, async (t) => {
    const origin = await startOrigin(t, ({ socket }) => socket.pause())
    const front = await startFront(t, {
      upstreams: [origin.port],
      classify: () => ({ ...SMALL, sendMs: 100, maxBodyBytes: 100 * MB }),
    })
    const body = Array.from({ length: 16 }, () => Buffer.alloc(MB))
    const got = await ask(front, protocol, { method: 'PUT', headers: ['content-length', String(16 * MB)], body })
    t.equal(got.status, 504)
    t.match(front.exchanges[0]?.upstream, /^127/)
  })
}

await t.test('curl: Expect, and 100 MB that are never held', async (t) => {
  const app = await startCounter(t)
  const front = await startFront(t, { upstreams: [app.port] })
  const folder = t.testdir()
  const file = join(folder, 'large')
  await writeFile(file, '')
  await truncate(file, 100 * MB)
  const url = `http://127.0.0.1:${front.http}/clients/upload`
  const common = ['--silent', '--show-error', '--max-time', '20', '-H', 'Host: blot.test']

  // The first transfer brings the heap to its working size.
  await run('curl', [...common, '-T', file, url])
  const before = process.memoryUsage.rss()
  const { stdout } = await run('curl', [...common, '-H', 'Expect: 100-continue', '-T', file, url])
  t.equal(stdout, String(100 * MB))
  const chunked = await run('curl', [...common, '-H', 'Transfer-Encoding: chunked', '-T', file, url])
  t.equal(chunked.stdout, String(100 * MB))
  const prior = ['--http2-prior-knowledge', '-T', file, `http://127.0.0.1:${front.h2}/clients/upload`]
  const second = await run('curl', [...common, ...prior])
  t.equal(second.stdout, String(100 * MB))
  const grown = process.memoryUsage.rss() - before
  t.ok(grown < 64 * MB, `grew by ${Math.round(grown / MB)} MB`)

  const sent = ['-o', join(folder, 'page'), '-w', '%{http_code} %{size_upload}']
  const refused = await run('curl', [
    ...common,
    ...sent,
    '-H',
    'Expect: 100-continue',
    '-T',
    file,
    `http://127.0.0.1:${front.http}/`,
  ])
  t.equal(refused.stdout, '413 0', 'a body that is too large is not even sent')
})

await t.test('100 Continue comes when an upstream is there, not before', async (t) => {
  const origin = await startOrigin(t, async (call) => {
    await call.until('body')
    call.socket.write(plain('ok'))
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  const begin = (): http.ClientRequest => {
    const headers = { Host: 'a', Expect: '100-continue', 'Content-Length': 4 }
    const request = http.request({ port: front.http, method: 'PUT', headers })
    request.flushHeaders()
    return request
  }
  const patient = begin()
  await once(patient, 'continue')
  patient.end('body')
  const [answer] = (await once(patient, 'response')) as [http.IncomingMessage]
  t.equal(answer.statusCode, 200)
  answer.resume()

  await origin.close()
  const refused = begin()
  refused.on('continue', () => t.fail('100 Continue without an upstream'))
  const [page] = (await once(refused, 'response')) as [http.IncomingMessage]
  t.equal(page.statusCode, 502)
  page.resume()
  refused.destroy()
})

await t.test('uploads that are slow leave everybody else unharmed', async (t) => {
  const app = await startCounter(t)
  const front = await startFront(t, { upstreams: [app.port] })
  const slow = Array.from({ length: 200 }, () => {
    const request = http.request({ port: front.http, method: 'POST', headers: { Host: 'a', 'Content-Length': 9 } })
    request.on('error', () => {})
    request.write('slow')
    return request
  })
  while (app.requests() < slow.length) await new Promise(setImmediate)
  t.equal((await ask(front, 'HTTP/1.1')).body.toString(), '0')
  for (const request of slow) request.destroy()
})

await t.test('a download of 64 MB arrives whole, over both protocols', async (t) => {
  const file = join(t.testdir(), 'large')
  await writeFile(file, '')
  await truncate(file, 64 * MB)
  const server = http.createServer((_, response) => void createReadStream(file).pipe(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const front = await startFront(t, { upstreams: [(server.address() as AddressInfo).port] })
  for (const protocol of PROTOCOLS) {
    const got = await ask(front, protocol)
    t.ok(got.whole)
    t.equal(got.body.length, 64 * MB)
    t.equal(front.exchanges.at(-1)?.bytes, 64 * MB)
  }
  server.closeAllConnections()
})
