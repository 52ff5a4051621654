import t from 'tap'
import { HOST, REQUEST, serve, talk } from './serve.ts'
import { ask } from '../integration/client.ts'

await t.test('every answer names the server, what the cache did, and forbids guessing at types', async (t) => {
  const edge = await serve(t)
  const always = { 'x-content-type-options': 'nosniff', 'blot-server': 'blot-edge' }
  const site = { port: edge.http, host: HOST, protocol: 'http/1.1' } as const
  t.match((await ask({ ...site, path: '/found' })).headers, {
    ...always,
    'blot-cache': 'HIT',
    'cache-status': 'blot-edge; hit',
  })
  const refused = await ask({ ...site, method: 'TRACE' })
  t.match(refused.headers, { ...always, 'blot-cache': 'BYPASS', 'cache-status': 'blot-edge; detail=synth' })
  const malformed = await talk(t, edge.http, 'no request\r\n\r\n').ended
  t.match(malformed, /^HTTP\/1\.1 400 [^]*\r\nBlot-Cache: BYPASS\r\nCache-Status: blot-edge; detail=synth\r\n/)
  t.match((await ask({ ...site, port: edge.https, protocol: 'h2', path: '/found' })).headers, always)
})

await t.test('HTTP/3 of a former server is forgotten over https, where alone it was offered', async (t) => {
  const edge = await serve(t, { environment: { EDGE_ALT_SVC: 'clear' } })
  for (const protocol of ['https/1.1', 'h2'] as const) {
    const { headers } = await ask({ port: edge.https, host: HOST, protocol, path: '/found' })
    t.equal(headers['alt-svc'], 'clear')
  }
  t.notMatch(await talk(t, edge.http, `GET /found ${REQUEST}\r\n`).until(/found$/), /alt-svc/i)
})
