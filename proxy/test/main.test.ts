import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { codeOf } from '../src/errors.ts'
import { ask } from './integration/client.ts'
import { startEdge, temporaryDirectory } from './integration/edge.ts'

await t.test('a second SIGTERM ends the edge in the middle of an answer', async (t) => {
  const asked = Promise.withResolvers<void>()
  const app = createServer(() => asked.resolve())
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  t.teardown(() => app.closeAllConnections())
  const upstream = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  const edge = await startEdge(t, {
    args: ['dev', '--upstream', upstream, '--host', 'app.localhost'],
    directory: temporaryDirectory(t),
  })

  const outcome = Promise.withResolvers<string>()
  request({ host: '127.0.0.1', port: edge.http, headers: { host: 'app.localhost' } })
    .on('response', (response) => outcome.resolve(`status ${response.statusCode}`))
    .on('error', (error) => outcome.resolve(codeOf(error)))
    .end()
  await asked.promise
  const exited = once(edge.process, 'exit')
  edge.process.kill('SIGTERM')
  await edge.logged((line) => line['msg'] === 'draining')
  edge.process.kill('SIGTERM')
  t.equal(await outcome.promise, 'ECONNRESET', 'neither finished nor timed out')
  await exited
})

await t.test('a reader of the log that left does not end the edge', async (t) => {
  const app = createServer((_request, response) => response.end('still here'))
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  t.teardown(() => app.closeAllConnections())
  const upstream = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
  const edge = await startEdge(t, {
    args: ['dev', '--upstream', upstream, '--host', 'app.localhost'],
    directory: temporaryDirectory(t),
  })
  edge.process.stdout?.destroy()
  for (const path of ['/1', '/2', '/3']) {
    t.equal((await ask({ port: edge.http, host: 'app.localhost', path, protocol: 'http/1.1' })).text, 'still here')
  }
  t.equal(await edge.stop(), 0)
})
