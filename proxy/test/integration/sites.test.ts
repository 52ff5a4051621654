import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { ask, type Protocol } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

/** One edge with the sample blogs, from an empty folder, for all tests of this file. */
const edge = await startEdge(t, { args: ['dev'], directory: temporaryDirectory(t) })
const { http, https, ca } = edge
const secure: readonly Protocol[] = ['https/1.1', 'h2']

await t.test('a folder of Markdown is a page over https, by both protocols', async (t) => {
  for (const protocol of secure) {
    const page = await ask({ port: https, host: 'garden.blot.localhost', protocol, ca })
    t.equal(page.status, 200, protocol)
    t.match(page.headers['content-type'], /^text\/html/)
    t.match(page.text, /<!doctype html>/i)
    t.match(page.certificate, /DNS:garden\.blot\.localhost/)
    t.equal(page.headers['x-content-type-options'], 'nosniff')
    t.equal(page.headers['blot-server'], 'blot-edge')
  }
})

await t.test('the second answer comes from the cache folder, with the tags of a page file', async (t) => {
  const first = await ask({ port: https, host: 'garden.blot.localhost', path: '/archives', ca })
  t.equal(first.headers['blot-cache'], 'MISS')
  // The app writes the page after it has answered.
  let second = first
  for (let i = 0; i < 100 && second.headers['blot-cache'] !== 'HIT'; i++) {
    second = await ask({ port: https, host: 'garden.blot.localhost', path: '/archives', ca })
  }
  t.equal(second.headers['blot-cache'], 'HIT')
  t.equal(second.text, first.text)
  t.equal(second.headers['cache-control'], 'no-cache')
  const etag = second.headers.etag ?? ''
  const again = await ask({
    port: https,
    host: 'garden.blot.localhost',
    path: '/archives',
    ca,
    headers: { 'if-none-match': etag },
  })
  t.equal(again.status, 304)
  t.equal(again.text, '')
})

await t.test('the site itself is https only, with path and query kept', async (t) => {
  const answer = await ask({ port: http, host: 'blot.localhost', protocol: 'http/1.1', path: '/log-in?a=b%2F' })
  t.equal(answer.status, 301)
  t.equal(answer.headers.location, `https://blot.localhost:${https}/log-in?a=b%2F`)
})

await t.test('handles and customers’ domains answer on port 80 and 443', async (t) => {
  for (const host of ['garden.blot.localhost', 'harbor-notes.localhost']) {
    t.equal((await ask({ port: http, host, protocol: 'http/1.1' })).status, 200, `http ${host}`)
    t.equal((await ask({ port: https, host, ca })).status, 200, `https ${host}`)
  }
})

await t.test('previews are never cached', async (t) => {
  for (let i = 0; i < 2; i++) {
    const answer = await ask({ port: https, host: 'preview-garden.blot.localhost', ca })
    t.equal(answer.status, 200)
    t.equal(answer.headers['blot-cache'], 'BYPASS')
  }
})

await t.test('cdn redirects its root to the site, and shares its files with every origin', async (t) => {
  const root = await ask({ port: https, host: 'cdn.blot.localhost', ca })
  t.equal(root.status, 302)
  t.equal(root.headers.location, `https://blot.localhost:${https}/`)
})

await t.test('health is answered by the edge, for its own names and for addresses', async (t) => {
  for (const authority of ['127.0.0.1', 'localhost', 'blot.localhost']) {
    const answer = await ask({ port: http, host: 'x', authority, protocol: 'http/1.1', path: '/health' })
    t.equal(answer.status, 200, authority)
    t.equal(answer.text, 'ok\n')
  }
})

await t.test('a challenge is answered on port 80 for every host, before any redirect', async (t) => {
  for (const host of ['blot.localhost', 'garden.blot.localhost', 'nobody.example']) {
    const path = '/.well-known/acme-challenge/unknown-token'
    const answer = await ask({ port: http, host, protocol: 'http/1.1', path })
    t.equal(answer.status, 404, host)
    t.equal(answer.text, 'no such challenge\n')
  }
})

await t.test('a host that contradicts the handshake gets 421', async (t) => {
  for (const protocol of secure) {
    const options = { port: https, host: 'garden.blot.localhost', authority: 'harbor.blot.localhost', protocol, ca }
    const answer = await ask({ ...options, headers: { accept: 'application/json' } })
    t.equal(answer.status, 421, protocol)
    t.equal((JSON.parse(answer.text) as { status: number }).status, 421)
  }
})

await t.test('names are the same for SNI and Host in whatever spelling', async (t) => {
  const answer = await ask({ port: https, host: 'garden.blot.localhost', authority: 'GARDEN.blot.localhost.', ca })
  t.equal(answer.status, 200)
})

const rawRequests: readonly (readonly [string, string, RegExp])[] = [
  ['no Host, HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['no Host, HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 403 /],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['an invalid Host', 'GET / HTTP/1.1\r\nHost: a_b/c\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: a@b.example\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a port that is none', 'GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a fragment in the target', 'GET /a#b HTTP/1.1\r\nHost: a.example\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['* without OPTIONS', 'GET * HTTP/1.1\r\nHost: a.example\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['HTTP/2 in text', 'GET / HTTP/2.0\r\nHost: a.example\r\n\r\n', /^HTTP\/1\.1 (400|505) /],
  ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', /^(HTTP\/1\.1 4\d\d |$)/],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n', /^HTTP\/1\.1 405 /],
  ['no request at all', '\x16\x03\x01\r\n\r\n', /^HTTP\/1\.1 400 /],
  [
    'a head beyond the limit',
    `GET / HTTP/1.1\r\nHost: a.example\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
]

await t.test('requests that must not pass are refused, and told nothing more', async (t) => {
  for (const [name, bytes, expected] of rawRequests) {
    const answer = await raw(http, bytes)
    t.match(answer, expected, name)
    t.notMatch(answer, /EDGE_ERR|HPE_|at .*\.ts/, name)
  }
})

await t.test('an unknown name is refused by the TLS alert unrecognized_name', async (t) => {
  for (const host of ['unknown.example', 'www.www.harbor-notes.localhost', 'nobody.blot.localhost']) {
    await t.rejects(ask({ port: https, host, ca }), /unrecognized name/, host)
  }
})

await t.test('each request is one line in the access log', async (t) => {
  await ask({ port: https, host: 'garden.blot.localhost', path: '/robots.txt?logged', ca })
  const line = await edge.logged((fields) => String(fields['target']).endsWith('?logged'))
  t.match(line, { method: 'GET', host: 'garden.blot.localhost', status: 200, requestId: /^[0-9a-f]{32}$/ })
  for (const field of ['bytes', 'duration', 'cache', 'upstream']) t.ok(field in line, field)
})

/** Sends bytes and gives back all that comes until the edge ends the connection, or answered once. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
    socket.end()
  })
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}
