import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { pollUntil } from '../until.ts'
import { runEdge } from '../commands/run-edge.ts'
import { ask, type Protocol } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'

const HOST = 'garden.blot.localhost'
const TOKEN = 'a-token-for-tests'

const app = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://app')
  for (const [name, value] of searchParams) response.setHeader(name, value)
  if (pathname === '/trouble') response.statusCode = 503
  else if (pathname === '/refused') response.statusCode = 403
  response.end('x'.repeat(300))
})
app.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'))
app.listen(0, '127.0.0.1')
await once(app, 'listening')
t.teardown(() => app.close())

const directory = temporaryDirectory(t)
const page = join(directory, 'cache', HOST, 'https/permanent/page.html')
mkdirSync(dirname(page), { recursive: true })
writeFileSync(page, 'a page')
const environment = {
  ...productionEnvironment(directory),
  EDGE_UPSTREAMS: `http://127.0.0.1:${(app.address() as AddressInfo).port}`,
  EDGE_ADMIN_TOKEN: TOKEN,
  EDGE_WORKERS: '2',
}
const edge = await startEdge(t, { args: ['run'], directory, environment })

const get = (path: string, headers: Record<string, string> = {}, protocol: Protocol = 'h2') =>
  ask({ port: edge.https, host: HOST, path, headers, protocol, ca: edge.ca })

await t.test('every answer says what the cache did, over every protocol', async (t) => {
  const fresh = '/stored?Cache-Control=max-age=600&Cache-Tag=post:1'
  const rows: [path: string, headers: Record<string, string>, status: number, state: RegExp][] = [
    ['/page.html', {}, 200, /^HIT blot-edge; hit$/],
    ['/page.html', { range: 'bytes=0-1' }, 206, /^HIT blot-edge; hit$/],
    ['/page.html', { range: 'bytes=99-' }, 416, /^HIT blot-edge; hit$/],
    [fresh, {}, 200, /^(MISS blot-edge; fwd=uri-miss; key=".+"; (collapsed; )?stored|HIT blot-edge; hit); ttl=\d+$/],
    ['/own?Cache-Control=private', {}, 200, /^MISS blot-edge; fwd=uri-miss; key=".+"; detail=private/],
    ['/trouble', {}, 503, /^MISS blot-edge; fwd=uri-miss; key=".+"; detail=/],
    ['/own', { 'cache-control': 'only-if-cached' }, 504, /^MISS blot-edge; detail=only-if-cached$/],
    ['/own', { 'x-forwarded-host': 'evil' }, 200, /^BYPASS blot-edge; fwd=bypass; detail=override-field$/],
  ]
  for (const protocol of ['https/1.1', 'h2'] as const) {
    for (const [path, headers, status, state] of rows) {
      const answer = await get(path, headers, protocol)
      t.equal(answer.status, status, `${protocol} ${path}`)
      const { 'blot-cache': cache, 'cache-status': said } = answer.headers
      t.match(`${String(cache)} ${String(said)}`, state, `${protocol} ${path} ${JSON.stringify(headers)}`)
    }
    const own = async (rest: Partial<Parameters<typeof ask>[0]>): Promise<string> => {
      const question = { port: edge.https, host: HOST, ca: edge.ca, protocol, ...rest }
      const { status, headers } = await ask(question)
      return `${status} ${String(headers['blot-cache'])} ${String(headers['cache-status'])}`
    }
    t.equal(await own({ method: 'TRACE' }), '405 BYPASS blot-edge; detail=synth')
    t.equal(await own({ host: 'cdn.blot.localhost' }), '302 BYPASS blot-edge; detail=synth')
    t.equal(await own({ authority: 'harbor.blot.localhost' }), '421 BYPASS blot-edge; detail=synth')
    t.equal(await own({ method: 'POST', body: 'x' }), '200 BYPASS blot-edge; fwd=method')
    t.equal(await own({ host: 'preview-of-x.blot.localhost' }), '200 BYPASS blot-edge; fwd=bypass; detail=site')
  }
  const plain = await ask({ port: edge.http, host: 'blot.localhost', protocol: 'http/1.1' })
  t.match(plain, { status: 301, headers: { 'blot-cache': 'BYPASS', 'cache-status': 'blot-edge; detail=synth' } })
  const socket = connect(edge.http, '127.0.0.1')
  socket.write(`GET /socket HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  t.match(await text(socket), /^HTTP\/1\.1 403 [^]*\r\nBlot-Cache: BYPASS\r\nCache-Status: blot-edge; fwd=bypass\r\n/)
})

type Explained = {
  answers: string
  because: { words: string; section?: string }
  memory: { process: string; stored: { tags: string[] }[]; decisions?: { answer?: { why?: string } } }[]
  disk: { stored?: { tags: string[] } }
  purge?: { name: string; atMs: number }
}

async function explained(path: string, token = TOKEN): Promise<{ status: number; body: Explained }> {
  const url = encodeURIComponent(`https://${HOST}:${edge.https}${path}`)
  const answer = await fetch(`http://127.0.0.1:${edge.admin}/explain?url=${url}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: answer.status, body: (await answer.json()) as Explained }
}

await t.test('a running edge explains: which worker has it, the disk, the rule, the latest purge', async (t) => {
  const path = '/stored?Cache-Control=max-age=600&Cache-Tag=post:1'
  // Until both workers have it.
  await pollUntil(async () => {
    await get(path)
    const { memory } = (await explained(path)).body
    return memory.length === 2 && memory.every(({ stored }) => stored.length === 1)
  })
  await pollUntil(async () => (await explained(path)).body.disk.stored !== undefined)
  const { body } = await explained(path)
  t.match(body, { answers: 'memory', because: { section: 'RFC 9111 5.2.2.1' }, disk: { stored: { tags: ['post:1'] } } })
  t.strictSame(new Set(body.memory.map(({ process }) => process.split('@')[0])), new Set(['worker-1', 'worker-2']))
  t.equal((await explained('/page.html')).body.answers, 'page file')

  const other = '/unstored?Cache-Control=private'
  await get(other)
  t.match((await explained(other)).body, { answers: 'the app', because: { section: 'RFC 9111 5.2.2.7' } })

  await fetch(`http://127.0.0.1:${edge.admin}/purge`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ tags: ['post:1'] }),
  })
  const purged = (await explained(path)).body
  t.match(purged, { answers: 'the app', purge: { name: 'tag post:1' }, disk: { stored: { reuse: 'purged' } } })
  t.ok(Math.abs(Date.now() - (purged.purge?.atMs ?? 0)) < 60_000)
})

await t.test('it is asked as everything else is: with the token, and a URL', async (t) => {
  t.equal((await explained('/', 'wrong')).status, 401)
  const wrong = async (query: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const answer = await fetch(`http://127.0.0.1:${edge.admin}/explain${query}`, { headers })
    return { status: answer.status, ...((await answer.json()) as object) }
  }
  for (const query of [
    '',
    '?url=ftp://a',
    '?url=https://a.test&url=https://b.test',
    '?uri=x',
    '?url=https://a.test&header=x',
  ]) {
    t.match(await wrong(query), { status: 400, code: 'EDGE_ERR_EXPLAIN_INVALID', error: /./ }, query)
  }
})

await t.test('the command asks the running edge, whatever it knows of its configuration', async (t) => {
  const path = '/command?Cache-Control=max-age=600'
  await get(path, { 'accept-language': 'de' })
  const admin = { EDGE_ADMIN: `127.0.0.1:${edge.admin}`, EDGE_ADMIN_TOKEN: TOKEN }
  const url = `https://${HOST}:${edge.https}${path}`
  const { code, stdout, stderr } = await runEdge(['explain', url, '--environment', '/dev/null'], { environment: admin })
  t.equal(code, 0, stderr)
  t.match(stdout, /\n +answers +memory\n +because +it is fresh for [^\n]+ \(RFC 9111 5\.2\.2\.1\)\n +age +\d/)
  t.match(stdout, /\n +memory +worker-\d@1: [^\n]+\n +worker-\d@1: [^\n]+\n +disk /)
  t.match(stdout, /\n +freshness +10 min 0 s by max-age/)
})
