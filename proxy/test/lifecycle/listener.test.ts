import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { bindListener } from '../../src/lifecycle/listener.ts'

await t.test('a port in use is an error that names the port and the variable', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.throws(() => bindListener('127.0.0.1', port, 'EDGE_HTTP_PORT'), {
    code: 'EDGE_ERR_PORT_IN_USE',
    message: new RegExp(`127\\.0\\.0\\.1:${port} \\(EDGE_HTTP_PORT\\) is in use`),
  })
  server.close()
})

await t.test('an address of another machine is an error', async (t) => {
  t.throws(() => bindListener('192.0.2.1', 0, 'EDGE_HTTP_PORT'), { code: 'EDGE_ERR_ADDRESS_UNAVAILABLE' })
})

await t.test('a child listens on the inherited descriptor, and the port stays bound when it is gone', async (t) => {
  const listener = bindListener('127.0.0.1', 0, 'EDGE_HTTP_PORT')
  const program = `require('net').createServer((s) => s.end('hello')).listen({ fd: 3 }, () => console.log('listening'))`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit', listener.fd] })
  await once(child.stdout as NodeJS.ReadableStream, 'data')

  const socket = connect(listener.port, '127.0.0.1')
  const [data] = (await once(socket, 'data')) as [Buffer]
  t.equal(data.toString(), 'hello')

  child.kill('SIGKILL')
  await once(child, 'exit')
  t.throws(
    () => {
      const other = bindListener('127.0.0.1', listener.port, 'EDGE_HTTP_PORT')
      other.close()
    },
    { code: 'EDGE_ERR_PORT_IN_USE' },
  )

  // Nobody accepts now, but the queue is there: a connection waits instead of being refused.
  const waiting = connect(listener.port, '127.0.0.1')
  await once(waiting, 'connect')
  waiting.destroy()
  socket.destroy()
  listener.close()
})
