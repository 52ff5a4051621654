import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { startPebble, type Pebble } from '../certificates/pebble.ts'
import { freePort, startRedis } from '../store/redis-server.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

/** The app: says which names are its own, and answers whatever it is asked. */
async function startApp(t: Test): Promise<string> {
  const app = createServer((request, response) => {
    const domain = URL.parse(request.url ?? '', 'http://app')?.searchParams.get('domain')
    response.writeHead(domain?.endsWith('.stranger.example') === true ? 403 : 200).end('a page')
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.teardown(() => app.close())
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`
}

type Visit = { readonly authorized: boolean; readonly name: string | undefined; readonly page: string }

async function visit(port: number, servername: string, ca: string): Promise<Visit> {
  const socket = connect({ host: '127.0.0.1', port, servername, ca, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { authorized } = socket
  const name = socket.getPeerX509Certificate()?.subjectAltName
  socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
  const page = (await socket.setEncoding('utf8').toArray()).join('')
  return { authorized, name, page }
}

function environmentFor(directory: string, app: string, pebble: Pebble): Record<string, string> {
  return {
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_PID_FILE: `${directory}/edge.pid`,
    EDGE_WORKERS: '1',
    EDGE_STORE: `file:${directory}/store`,
    EDGE_UPSTREAMS: app,
    EDGE_PERMISSION: `${app}/permission`,
    EDGE_ISSUER: 'acme',
    EDGE_ACME_DIRECTORY: pebble.directoryUrl,
    EDGE_ACME_CA: pebble.caFile,
    EDGE_ACME_EMAIL: 'operator@example.com',
    // The manager of an edge that is started as root belongs to this user.
    EDGE_USER: 'nobody',
  }
}

await t.test('a visitor of a name that the edge never saw gets its page', async (t) => {
  const directory = temporaryDirectory(t)
  const [app, httpPort] = await Promise.all([startApp(t), freePort()])
  const pebble = await startPebble(t, { folder: directory, httpPort })
  const environment = { EDGE_HTTP_PORT: String(httpPort), EDGE_ACME_ENGINE: 'greenlock', EDGE_WORKERS: '2' }
  const edge = await startEdge(t, {
    args: ['run'],
    directory,
    environment: { ...environmentFor(directory, app, pebble), ...environment },
  })

  const first = await visit(edge.https, 'www.customer.example', pebble.rootPem)
  t.equal(first.authorized, true, 'the certificate is of the CA, and for that name')
  t.match(first.page, /^HTTP\/1\.1 200 OK\r\n[^]*a page/)
  const again = await visit(edge.https, 'www.customer.example', pebble.rootPem)
  t.equal(again.authorized, true)
  const stranger = await visit(edge.https, 'a.stranger.example', pebble.rootPem).catch((error: Error) => error.message)
  t.match(stranger, /alert/i, 'a name that is not ours gets no certificate')

  t.equal(pebble.log().match(/POST \/order-plz/g)?.length, 1, 'one order')
  t.equal(await edge.stop(), 0)
})

await t.test('the CA may look at any machine: one orders, another one answers', async (t) => {
  const [directory, folder] = [temporaryDirectory(t), temporaryDirectory(t)]
  const [app, httpPort, redis] = await Promise.all([startApp(t), freePort(), startRedis(folder)])
  t.teardown(() => redis.stop())
  const pebble = await startPebble(t, { folder: directory, httpPort })
  const [one, other] = await Promise.all(
    [0, httpPort].map((port) => {
      const own = temporaryDirectory(t)
      const environment = { EDGE_STORE: redis.url, EDGE_HTTP_PORT: String(port), EDGE_ACME_ENGINE: 'acme-client' }
      return startEdge(t, {
        args: ['run'],
        directory: own,
        environment: { ...environmentFor(own, app, pebble), ...environment },
      })
    }),
  )
  const first = await visit(one?.https ?? 0, 'www.customer.example', pebble.rootPem)
  t.equal(first.authorized, true)
  await other?.logged((line) => /acme-challenge/.test(JSON.stringify(line)))
  const second = await visit(other?.https ?? 0, 'www.customer.example', pebble.rootPem)
  t.equal(second.authorized, true)
  t.equal(pebble.log().match(/POST \/order-plz/g)?.length, 1, 'one order')
})
