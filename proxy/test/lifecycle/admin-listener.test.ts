import { fastify } from 'fastify'
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { listenAdmin } from '../../src/lifecycle/admin-listener.ts'
import { bindListener } from '../../src/lifecycle/listener.ts'

await t.test('closed, it answers whoever is connected, and ends when nobody is', async (t) => {
  const slow = Promise.withResolvers<string>()
  const app = fastify({ return503OnClosing: false, serverFactory: (handler) => createServer(handler) })
  app.get('/', () => 'here')
  app.get('/slow', () => slow.promise)
  await app.ready()
  const { fd, port } = bindListener('127.0.0.1', 0, 'EDGE_ADMIN')
  const listener = await listenAdmin(app, [fd])

  const agent = new Agent({ keepAlive: true, maxSockets: 2 })
  t.teardown(() => agent.destroy())
  const ask = async (path: string): Promise<string> => {
    const [response] = (await once(get({ port, host: '127.0.0.1', path, agent }), 'response')) as [IncomingMessage]
    return text(response)
  }
  const waiting = ask('/slow')
  t.equal(await ask('/'), 'here')
  listener.close()
  listener.close()
  // Its connection was idle, and this request may have been on its way.
  t.equal(await ask('/'), 'here')
  slow.resolve('done')
  t.equal(await waiting, 'done')
  await listener.ended
})
