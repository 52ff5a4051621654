import t from 'tap'
import type { RequestHead } from '../../src/request.ts'
import { forwardingHeaders } from '../../src/upstream/forwarded.ts'
import { startFront, VISITOR } from './front.ts'
import { plain, startOrigin, valuesOf } from './origin.ts'
import { ask, lines } from './visitor.ts'

const SAID = lines(`
  X-Forwarded-For: 192.0.2.1
  X-Forwarded-For: 192.0.2.2
  X-Forwarded-Proto: https
  X-Forwarded-Host: public.example
  X-Forwarded-Port: 443
  X-Real-IP: 192.0.2.1
  Forwarded: for=192.0.2.1;proto=https`)

await t.test('a trusted proxy is believed: lists are appended to, single values stand', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok')))
  const front = await startFront(t, { upstreams: [origin.port], trusted: true })
  await ask(front, 'HTTP/1.1', { headers: SAID })
  const [call = { lines: [] }] = origin.calls
  t.same(valuesOf(call, 'x-forwarded-for'), [`192.0.2.1, 192.0.2.2, ${VISITOR}`])
  t.same(valuesOf(call, 'x-forwarded-proto'), ['https'])
  t.same(valuesOf(call, 'x-forwarded-host'), ['public.example'])
  t.same(valuesOf(call, 'x-forwarded-port'), ['443'])
  t.same(valuesOf(call, 'x-real-ip'), ['192.0.2.1'])
  t.same(valuesOf(call, 'forwarded'), [`for=192.0.2.1;proto=https, for=${VISITOR};host="site.example:8443";proto=http`])
})

await t.test('nonsense of a trusted proxy is replaced', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok')))
  const front = await startFront(t, { upstreams: [origin.port], trusted: true })
  const headers = ['X-Forwarded-Proto', 'javascript', 'X-Forwarded-Port', '1e3', 'X-Real-IP', 'me']
  await ask(front, 'HTTP/1.1', { headers })
  const [call = { lines: [] }] = origin.calls
  t.same(valuesOf(call, 'x-forwarded-proto'), ['http'])
  t.same(valuesOf(call, 'x-forwarded-port'), ['8443'])
  t.same(valuesOf(call, 'x-real-ip'), [VISITOR])
})

await t.test('addresses of either family, and ports that say something', async (t) => {
  const head = (address: string, scheme: 'http' | 'https'): RequestHead =>
    ({ connection: { address, trusted: false }, scheme, authority: 'a.example', headers: {}, id: 'x' }) as RequestHead
  const valueOf = (list: string[], name: string): string | undefined =>
    list.includes(name) ? list[list.indexOf(name) + 1] : undefined
  const six = forwardingHeaders(head('2001:db8::1', 'https'), 443)
  t.equal(valueOf(six, 'Forwarded'), 'for="[2001:db8::1]";host=a.example;proto=https')
  t.equal(valueOf(six, 'X-Forwarded-For'), '2001:db8::1')
  t.equal(valueOf(six, 'X-Forwarded-Port'), '443')
  t.equal(valueOf(forwardingHeaders(head('192.0.2.1', 'http'), 443), 'X-Forwarded-Port'), '443', 'also by http')
  t.equal(valueOf(forwardingHeaders(head('192.0.2.1', 'http'), 8443), 'X-Forwarded-Port'), '8443')
  t.match(valueOf(forwardingHeaders(head('unknown', 'http'), 443), 'Forwarded'), /^for=unknown;/)
})
