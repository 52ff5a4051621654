import { once } from 'node:events'
import { TLSSocket, connect } from 'node:tls'
import { createServer } from 'node:net'
import t from 'tap'
import { createContexts, makeContext } from '../../src/certificates/contexts.ts'
import { tlsSettings } from '../../src/certificates/secure-context.ts'
import { makeCertificate } from './factory.ts'
import { pollUntil } from '../until.ts'

await t.test('a context that leaves memory is freed, and its connections go on', async (t) => {
  const contexts = createContexts({ contexts: 1, bytes: 1_000_000 }, 1)
  const settings = tlsSettings(undefined)
  const one = makeContext(await makeCertificate('one.example'), settings, 0)
  const native: { close(): void } = one.entry.context.context
  const close = native.close.bind(native)
  let closed = false
  native.close = () => {
    closed = true
    close()
  }
  contexts.keep(one)

  const server = createServer((raw) => {
    const secure = new TLSSocket(raw, { isServer: true, secureContext: one.entry.context })
    secure.on('error', () => {}).pipe(secure)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  const visitor = connect({ port: address.port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => visitor.destroy())
  await once(visitor, 'secureConnect')

  contexts.keep(makeContext(await makeCertificate('two.example'), settings, 0))
  t.equal(contexts.get('one.example'), undefined)
  await pollUntil(() => closed)
  for (let turn = 0; turn < 20; turn += 1) {
    visitor.write(`turn ${turn}`)
    const [echo] = await once(visitor, 'data')
    if (String(echo) !== `turn ${turn}`) t.fail(String(echo))
  }
})
