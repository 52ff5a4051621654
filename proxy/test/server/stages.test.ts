import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { edgeChannel, type EdgeEvents } from '../../src/events.ts'
import { ask } from '../integration/client.ts'
import { pollUntil } from '../until.ts'
import { HOST, REQUEST, serve, talk } from './serve.ts'

function listenTo<Name extends keyof EdgeEvents>(t: Test, name: Name): EdgeEvents[Name][] {
  const events: EdgeEvents[Name][] = []
  t.teardown(edgeChannel(name).subscribe((event) => void events.push(event)))
  return events
}

function boom(): never {
  throw Object.assign(new Error('a bug'), { code: 'EDGE_ERR_A_BUG' })
}

await t.test('a stage that throws is a page for its visitor, and nothing to anybody else', async (t) => {
  const faults = listenTo(t, 'fault')
  const requests = listenTo(t, 'request')
  const places = { lookup: boom, mayPurge: boom, deliver: boom }
  for (const [place, target] of [
    ['lookup', '/'],
    ['mayPurge', '/purge'],
    ['deliver', '/found'],
  ] as const) {
    const edge = await serve(t, { rooms: { [place]: places[place], compose: boom } })
    const visitor = talk(t, edge.http, `GET ${target} ${REQUEST}\r\n`)
    await visitor.until(/\r\n\r\n500 /)
    visitor.socket.write(`GET ${target} ${REQUEST}Connection: close\r\n\r\n`)
    t.match(await visitor.ended, /^HTTP\/1\.1 500 [^]*HTTP\/1\.1 500 /, place)
    if (place === 'mayPurge') continue
    const page = await ask({ port: edge.https, host: HOST, path: target, protocol: 'h2' })
    t.match(page, { status: 500, text: /^500 / }, `${place} over HTTP/2`)
  }
  t.match(faults[0], { area: 'server', message: 'a stage failed', error: { code: 'EDGE_ERR_A_BUG' } })
  t.match(requests[0], { status: 500, reason: 'EDGE_ERR_A_BUG', aborted: false })
})

await t.test('what the stage had said of its answer is not said of the page', async (t) => {
  const edge = await serve(t, {
    rooms: {
      deliver({ response }) {
        response.setHeader('ETag', '"half"')
        boom()
      },
    },
  })
  for (const protocol of ['https/1.1', 'h2'] as const) {
    const page = await ask({ port: edge.https, host: HOST, path: '/found', protocol })
    t.equal(page.status, 500)
    t.equal(page.headers.etag, undefined)
    t.equal(page.headers['cache-control'], 'no-store')
  }
})

await t.test('an answer that had begun is cut, never ended as if it were whole', async (t) => {
  const edge = await serve(t, {
    rooms: {
      deliver({ response }) {
        ;(response as ServerResponse).write('half of ')
        boom()
      },
    },
  })
  await t.rejects(ask({ port: edge.http, host: HOST, path: '/found', protocol: 'http/1.1' }))
  await t.rejects(ask({ port: edge.https, host: HOST, path: '/found', protocol: 'h2' }))
  t.equal((await ask({ port: edge.http, host: HOST, path: '/', protocol: 'http/1.1' })).status, 200, 'it goes on')
})

await t.test('an Upgrade whose tunnel cannot be made gets a page too', async (t) => {
  const edge = await serve(t)
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  t.match(await talk(t, edge.http, `GET /socket ${REQUEST}${upgrade}`).ended, /^HTTP\/1\.1 500 /)
})

await t.test('a purge that does not reach everybody says to try again', async (t) => {
  const rooms = { mayPurge: () => true, purge: () => Promise.reject(new Error('away')) }
  const edge = await serve(t, { rooms })
  const purge = await ask({ port: edge.http, host: '127.0.0.1', path: '/purge?host=a', protocol: 'http/1.1' })
  t.match(purge, { status: 503, headers: { 'retry-after': '1' } })
})

await t.test('each request is one line in the log, refused ones too', async (t) => {
  const requests = listenTo(t, 'request')
  const edge = await serve(t)
  await ask({ port: edge.http, host: HOST, path: '/found', protocol: 'http/1.1', headers: { 'user-agent': 'test' } })
  await ask({ port: edge.https, host: HOST, path: '/app', protocol: 'h2', method: 'PUT', body: 'x' })
  await ask({ port: edge.http, host: HOST, authority: 'two words', protocol: 'http/1.1' })
  await talk(t, edge.http, 'nonsense\r\n\r\n').ended
  await pollUntil(() => requests.length === 4)
  t.match(requests, [
    { method: 'GET', host: HOST, target: '/found', version: '1.1', status: 200, cache: 'HIT', userAgent: 'test' },
    { method: 'PUT', scheme: 'https', target: '/app', version: '2.0', status: 200, cache: 'BYPASS', aborted: false },
    { method: 'GET', host: '', target: '/', status: 400, reason: 'invalid host', aborted: false },
    { method: '-', host: '', status: 400, reason: /^HPE_/, address: '127.0.0.1' },
  ])
})

await t.test('what no cache was asked for is called a bypass, in the log as well', async (t) => {
  const edge = await serve(t)
  const requests = listenTo(t, 'request')
  await talk(t, edge.http, `GET /page ${REQUEST}Connection: close\r\n\r\n`).ended
  await talk(t, edge.http, `TRACE /page ${REQUEST}Connection: close\r\n\r\n`).ended
  t.match(requests, [{ cache: 'BYPASS' }, { cache: 'BYPASS', status: 405 }])
})
