import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import tls from 'node:tls'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { edgeChannel, type EdgeEvents } from '../../src/events.ts'
import { createAcceptor, REFUSAL_HTTP } from '../../src/server/accept.ts'
import { createRegistry } from '../../src/server/registry.ts'
import { pollUntil } from '../until.ts'
import { answer, HOST, REQUEST, serve, talk } from './serve.ts'

const BEHIND_PROXY = { EDGE_PROXY_PROTOCOL: 'true', EDGE_TRUSTED_PROXIES: '127.0.0.1' }
const HEADER = 'PROXY TCP4 203.0.113.7 192.0.2.2 56324 443\r\n'
const GET = `GET /who ${REQUEST}\r\n`

/** An app that says what the edge knows of the connection. */
const app = (exchange: Parameters<typeof answer>[0]): void => {
  const { address, port, trusted, loopback, scheme } = exchange.head.connection
  answer(exchange, `${scheme} from ${address}:${port}${trusted ? ' trusted' : ''}${loopback ? ' loopback' : ''}.`)
}

await t.test('a trusted proxy says who the visitor is, in however many pieces', async (t) => {
  const edge = await serve(t, { environment: BEHIND_PROXY, app })
  const whole = talk(t, edge.http, HEADER + GET + GET)
  t.match(await whole.until(/56324\.[^]*56324\./), /http from 203\.0\.113\.7:56324\.$/)

  const dribble = talk(t, edge.http, '')
  for (const character of HEADER + GET) {
    dribble.socket.write(character)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.match(await dribble.until(/56324\.$/), /http from 203\.0\.113\.7:56324\.$/)
  const unknown = talk(t, edge.http, `PROXY UNKNOWN\r\n${GET}`)
  t.match(
    await unknown.until(/loopback\.$/),
    /from 127\.0\.0\.1:\d+ trusted loopback\.$/,
    'a check of the proxy itself',
  )
})

await t.test('the header comes before TLS', async (t) => {
  const edge = await serve(t, { environment: BEHIND_PROXY, app })
  const raw = connect(edge.https, '127.0.0.1')
  raw.write(HEADER)
  const secure = tls.connect({ socket: raw, servername: HOST, rejectUnauthorized: false })
  t.match(await talk(t, secure, GET).until(/from .*\.$/), /https from 203\.0\.113\.7:56324\.$/)
})

await t.test('a trusted proxy that sends no header, or half of one, is not answered', async (t) => {
  const edge = await serve(t, { environment: BEHIND_PROXY, app })
  await Promise.all(
    [GET, 'PROXY TCP4 nobody\r\n', `PROXY ${'x'.repeat(200)}`].map(async (bytes) => {
      t.equal(await talk(t, edge.http, bytes).ended.catch(() => ''), '')
    }),
  )
  const half = talk(t, edge.http, HEADER.slice(0, 20))
  half.socket.end()
  t.equal(await half.ended.catch(() => ''), '')
  await pollUntil(() => edge.server.connections() === 0)
})

await t.test('anybody else’s header is no header', async (t) => {
  const edge = await serve(t, { environment: { ...BEHIND_PROXY, EDGE_TRUSTED_PROXIES: '192.0.2.0/24' }, app })
  t.match(await talk(t, edge.http, HEADER + GET).ended, /^HTTP\/1\.1 400 /)
  t.match(await talk(t, edge.http, GET).until(/from .*\.$/), /http from 127\.0\.0\.1:\d+ loopback\.$/)
})

await t.test('a connection too many is told so and closed at once; an operator is told too', async (t) => {
  const registry = createRegistry({ maxConnections: 1, maxPerNetwork: 1, openingMs: 60_000 })
  const options = { registry, trustedProxies: [], proxyProtocol: false, refusal: REFUSAL_HTTP }
  const server = createServer(createAcceptor(options, ({ socket }) => void socket.resume())).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const faults: EdgeEvents['fault'][] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => void faults.push(fault)))
  t.teardown(() => {
    registry.close()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const first = connect(port, '127.0.0.1').resume()
  await pollUntil(() => registry.count() === 1)
  t.match(await text(connect(port, '127.0.0.1')), /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n/)
  t.match(faults, [{ area: 'accept', message: /too many/, name: '127.0.0.1' }])
  first.destroy()
  await pollUntil(() => registry.count() === 0)
  const third = connect(port, '127.0.0.1').resume()
  await pollUntil(() => registry.count() === 1)
  t.equal(faults.length, 1, 'there is room again')
  third.destroy()
})
