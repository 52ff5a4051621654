import { once } from 'node:events'
import { connect } from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { edgeChannel, type HandshakeEvent } from '../../src/events.ts'
import type { HandshakeAnswer } from '../../src/server/handshake.ts'
import { pollUntil } from '../until.ts'
import { codeOf } from '../../src/errors.ts'
import { AMPLE, ENTRY, HOST, serve, type Served } from './serve.ts'

type Outcome = Served & { events: HandshakeEvent[] }

async function serveWith(t: Test, answer: (serverName: string) => Promise<HandshakeAnswer>): Promise<Outcome> {
  const events: HandshakeEvent[] = []
  t.teardown(edgeChannel('handshake').subscribe((event) => void events.push(event)))
  const certificates = { fallback: ENTRY, select: () => undefined, answer }
  return { ...(await serve(t, { rooms: { certificates } })), events }
}

/** @returns the code of the error that a handshake ends with, or the protocol that was agreed. */
async function shake({ https, events }: Outcome, options: tls.ConnectionOptions = {}): Promise<string> {
  const told = events.length
  const socket = tls.connect({
    port: https,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    servername: HOST,
    ...options,
  })
  try {
    await once(socket, 'secureConnect')
    // With TLS 1.3 the client is through before the server is.
    await pollUntil(() => events.length > told)
    return String(socket.alpnProtocol)
  } catch (error) {
    return codeOf(error)
  } finally {
    socket.destroy()
  }
}

await t.test('ALPN chooses HTTP/2, HTTP/1.1 without it, and nothing for who speaks neither', async (t) => {
  const edge = await serveWith(t, () => Promise.resolve({ outcome: 'stored', entry: ENTRY }))
  t.equal(await shake(edge, { ALPNProtocols: ['http/1.1', 'h2'] }), 'h2')
  t.equal(await shake(edge, { ALPNProtocols: ['http/1.1'] }), 'http/1.1')
  t.equal(await shake(edge, { ALPNProtocols: ['http/1.0'] }), 'http/1.0', 'as curl has it')
  t.equal(await shake(edge), 'false')
  t.equal(await shake(edge, { ALPNProtocols: ['imap'] }), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  t.match(edge.events, [{ outcome: 'stored', name: HOST }, {}, {}, {}, { outcome: 'refused', reason: /no protocol/ }])
})

await t.test('a refusal is an alert that says what it is, not a reset', async (t) => {
  const reason = 'not ours'
  let alert: 'unrecognized_name' | 'internal_error' = 'unrecognized_name'
  const edge = await serveWith(t, () => Promise.resolve({ outcome: 'refused', alert, reason }))
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    alert = 'unrecognized_name'
    t.match(await shake(edge, { maxVersion }), /UNRECOGNIZED_NAME/, maxVersion)
    alert = 'internal_error'
    t.match(await shake(edge, { maxVersion }), /INTERNAL_ERROR/, maxVersion)
  }
  t.match(edge.events[0], { outcome: 'refused', name: HOST, reason, address: '127.0.0.1' })
  t.equal(edge.events.length, 4, 'each is told once')
  await pollUntil(() => edge.server.connections() === 0)
})

await t.test('without a server name the fallback is served', async (t) => {
  const edge = await serveWith(t, () => Promise.reject(new Error('nobody should ask')))
  t.equal(await shake(edge, { servername: '' }), 'false')
  t.match(edge.events, [{ outcome: 'fallback', name: undefined }])
})

await t.test('a look-up that fails costs its handshake and nothing else', async (t) => {
  let fails = true
  const edge = await serveWith(t, async () => {
    if (fails) throw new Error('a bug')
    return { outcome: 'stored', entry: ENTRY }
  })
  t.equal(await shake(edge), 'ECONNRESET')
  fails = false
  t.equal(await shake(edge), 'false')
  t.match(edge.events, [{ outcome: 'refused' }, { outcome: 'stored' }])
})

await t.test('a visitor who leaves while a certificate is obtained leaves nothing behind', async (t) => {
  const asked = Promise.withResolvers<void>()
  const obtained = Promise.withResolvers<HandshakeAnswer>()
  const edge = await serveWith(t, () => {
    asked.resolve()
    return obtained.promise
  })
  const socket = tls.connect({ port: edge.https, host: '127.0.0.1', servername: HOST })
  socket.on('error', () => undefined)
  await asked.promise
  socket.destroy()
  await pollUntil(() => edge.server.connections() === 0)
  obtained.resolve({ outcome: 'issued', entry: ENTRY })
  await obtained.promise
  t.match(edge.events, [{ outcome: 'refused', reason: /the visitor left/ }])
})

await t.test('a handshake under way at the drain is finished, and its request answered', async (t) => {
  const asked = Promise.withResolvers<void>()
  const obtained = Promise.withResolvers<HandshakeAnswer>()
  const edge = await serveWith(t, () => {
    asked.resolve()
    return obtained.promise
  })
  const socket = tls.connect({ port: edge.https, host: '127.0.0.1', servername: HOST, rejectUnauthorized: false })
  socket.write(`GET /found HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await asked.promise
  const drained = edge.server.drain(AMPLE)
  obtained.resolve({ outcome: 'issued', entry: ENTRY })
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  await Promise.all([once(socket, 'close'), drained])
  t.match(received, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*found$/)
})

await t.test('bytes that are no TLS end the connection', async (t) => {
  const edge = await serveWith(t, () => Promise.resolve({ outcome: 'stored', entry: ENTRY }))
  const socket = connect(edge.https, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'close')
  await pollUntil(() => edge.server.connections() === 0)
  t.match(edge.events, [{ outcome: 'refused' }])
})
