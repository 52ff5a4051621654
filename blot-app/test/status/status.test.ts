import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { StatusStream } from '../../src/status/status-stream.ts'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Listens to a stream. `text` is all that has arrived. */
async function listen(t: Test, port: number, host = 'blot.localhost') {
  const outgoing = request({ host: '127.0.0.1', port, path: '/status', headers: { host }, agent: false }).end()
  t.teardown(() => outgoing.destroy())
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
  if (incoming === undefined) throw new Error('no answer')
  const heard = { incoming, text: '', ended: false, hangUp: () => outgoing.destroy() }
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => (heard.text += chunk))
  incoming.on('end', () => (heard.ended = true))
  incoming.on('error', () => undefined)
  return heard
}

await t.test('listeners hear of every rebuild', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/a.md': '# A', 'harbor/status.md': '# Status' } })
  const heard = await listen(t, app.port)
  const onWebhooks = await listen(t, app.port, 'webhooks.blot.localhost')
  t.match(heard.incoming.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  await waitUntil(() => heard.text.startsWith('retry: '))
  app.write('garden/b.md', '# B')
  await waitUntil(() => heard.text.includes('event: rebuilt\ndata: {"handle":"garden","posts":2,"broken":0}\n\n'))
  app.write('garden/c.md', '---\ntitle: [\n---')
  await waitUntil(() => heard.text.includes('"posts":2,"broken":1}'))
  rmSync(path.join(app.folder, 'blogs/garden'), { recursive: true })
  await waitUntil(() => heard.text.includes('event: removed\ndata: {"handle":"garden"}\n\n'))
  await waitUntil(() => onWebhooks.text.includes('event: removed'))
  t.match(
    (await app.visit('http://harbor.blot.localhost/status')).text,
    '<h1 class="page-title">Status',
    'a post keeps its address',
  )

  await app.close()
  await waitUntil(() => heard.ended)
})

await t.test('a bounded number of listeners', async (t) => {
  const app = await startTestApp(t)
  const listeners = await Promise.all(Array.from({ length: 100 }, () => listen(t, app.port)))
  const refused = await app.visit('http://blot.localhost/status')
  t.equal(refused.status, 503)
  t.ok(refused.headers['retry-after'])
  listeners[0]?.hangUp()
  await waitUntil(async () => {
    const next = await listen(t, app.port)
    return next.incoming.statusCode === 200
  })
})

await t.test('a sign of life', async (t) => {
  const { port } = await serve(t, new StatusStream({ heartbeatMs: 20 }))
  const heard = await listen(t, port)
  await waitUntil(() => heard.text.includes(': heartbeat\n\n'))
})

await t.test('no patience with those who do not read', async (t) => {
  const stream = new StatusStream()
  const { server, port } = await serve(t, stream)
  const deaf = connect(port, '127.0.0.1')
  deaf.on('error', () => undefined)
  t.teardown(() => deaf.destroy())
  const arrived = once(server, 'request')
  deaf.write('GET /status HTTP/1.1\r\nHost: blot.localhost\r\n\r\n')
  const [, response]: ServerResponse[] = await arrived
  await waitUntil(() => {
    stream.send({ name: 'rebuilt', data: { filler: 'x'.repeat(100_000) } })
    return response?.destroyed ?? false
  })
  t.ok((response?.writableLength ?? 0) < 1_000_000, 'little was kept for it')
})

async function serve(t: Test, stream: StatusStream) {
  const server = createServer((_request, response) => stream.attach(response)).listen(0, '127.0.0.1')
  t.teardown(() => {
    stream.close()
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}
