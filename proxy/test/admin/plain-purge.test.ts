import t from 'tap'
import { mayPurgePlain } from '../../src/admin/plain-purge.ts'
import type { Connection, RequestHead } from '../../src/request.ts'
import { identifySite } from '../../src/site/site.ts'

const CONNECTION: Connection = {
  id: 1,
  address: '127.0.0.1',
  port: 40_000,
  trusted: false,
  loopback: true,
  scheme: 'http',
  localPort: 80,
  serverName: undefined,
  covers: () => true,
}

function headOf(host: string, headers: RequestHead['headers'] = {}, connection: Partial<Connection> = {}): RequestHead {
  return {
    method: 'GET',
    scheme: 'http',
    host,
    authority: host,
    target: '/purge?host=a.example',
    version: '1.1',
    headers: { host, ...headers },
    rawHeaders: [],
    connection: { ...CONNECTION, ...connection },
    site: identifySite(host, 'blot.localhost', true),
    id: '0'.repeat(32),
  }
}

const UNTRUSTED = { loopbackTrusted: false }

await t.test('a program on this machine that asks this machine may purge', async (t) => {
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) t.ok(mayPurgePlain(headOf(host), UNTRUSTED), host)
})

await t.test('nobody else may', async (t) => {
  const never: readonly [why: string, head: RequestHead][] = [
    ['another peer', headOf('127.0.0.1', {}, { loopback: false })],
    ['a name of a site', headOf('blot.localhost')],
    ['a name that points here', headOf('evil.example')],
    ['another address', headOf('10.0.0.1')],
    ['over TLS', headOf('localhost', {}, { scheme: 'https' })],
    ['a trusted peer', headOf('localhost', {}, { trusted: true })],
    ['a page in a browser here', headOf('localhost', { 'sec-fetch-site': 'cross-site' })],
    ['a page in an old browser here', headOf('localhost', { origin: 'https://evil.example' })],
  ]
  for (const [why, head] of never) t.notOk(mayPurgePlain(head, UNTRUSTED), why)
  for (const name of ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded', 'x-real-ip']) {
    t.notOk(mayPurgePlain(headOf('127.0.0.1', { [name]: '127.0.0.1' }), UNTRUSTED), name)
  }
  t.notOk(mayPurgePlain(headOf('127.0.0.1'), { loopbackTrusted: true }), 'loopback is a proxy')
})

await t.test('a purge token is demanded when one is set', async (t) => {
  const options = { ...UNTRUSTED, purgeToken: 'flush' }
  t.notOk(mayPurgePlain(headOf('127.0.0.1'), options))
  t.notOk(mayPurgePlain(headOf('127.0.0.1', { 'x-blot-purge-token': 'flus' }), options))
  t.ok(mayPurgePlain(headOf('127.0.0.1', { 'x-blot-purge-token': 'flush' }), options))
})
