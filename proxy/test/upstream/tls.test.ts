import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls, { type TLSSocket } from 'node:tls'
import t from 'tap'
import { createPool } from '../../src/upstream/pool.ts'
import { startFront } from './front.ts'
import { ask } from './visitor.ts'

const folder = t.testdir()
const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
const fresh = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
execFileSync('openssl', [...fresh, ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' })
const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)]

const names: (string | false | null)[] = []
const server = https.createServer({ key, cert }, (request, response) => {
  names.push((request.socket as TLSSocket).servername)
  response.end('secret')
})
let handshakes = 0
server.on('secureConnection', () => handshakes++)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})
const { port } = server.address() as AddressInfo

await t.test('a certificate of nobody is refused: 502', async (t) => {
  const front = await startFront(t, { upstreams: [`https://localhost:${port}`] })
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  t.match(front.exchanges[0]?.reason, /EDGE_ERR_UPSTREAM_REFUSED: DEPTH_ZERO_SELF_SIGNED_CERT/)
})

await t.test('a trusted one must be for the upstream, whatever the visitor calls it', async (t) => {
  tls.setDefaultCACertificates([cert.toString()])
  const front = await startFront(t, { upstreams: [`https://localhost:${port}`] })
  for (const authority of ['one.example', 'two.example']) {
    t.equal((await ask(front, 'HTTP/1.1', { authority })).body.toString(), 'secret')
  }
  t.same(names, ['localhost', 'localhost'])
  t.equal(handshakes, 1, 'one connection serves both')
  const other = await startFront(t, { upstreams: [`https://127.0.0.1:${port}`] })
  t.equal((await ask(other, 'HTTP/1.1', { authority: 'localhost' })).status, 502)
  t.match(other.exchanges[0]?.reason, /ERR_TLS_CERT_ALTNAME_INVALID/)
})

await t.test('what comes although nobody reads, as TLS lets it, does not stop the connection for good', async (t) => {
  tls.setDefaultCACertificates([cert.toString()])
  const body = Buffer.alloc(1_000_000, 'blot')
  const app = https.createServer({ key, cert }, (_, response) => void response.end(body)).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const url = `https://localhost:${(app.address() as AddressInfo).port}`
  const pool = createPool({ upstreams: [{ url, backup: false }] })
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
    return pool.close()
  })
  const request = { method: 'GET', body: null, chunked: false, upgrading: false, readMs: 5000 }
  for (let i = 0; i < 3; i++) {
    const bytes = await new Promise<number>((resolve, reject) => {
      let received = 0
      const connection = pool.choose()?.ask(
        { ...request, head: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' },
        {
          onBegin() {},
          onInformation() {},
          onHead() {},
          onSwitch() {},
          onData(chunk) {
            received += chunk.length
            setImmediate(() => received < body.length && connection?.resume())
            return false
          },
          onEnd: () => resolve(received),
          onError: reject,
        },
        false,
      )
    })
    t.equal(bytes, body.length)
  }
})
