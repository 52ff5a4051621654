import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import http2 from 'node:http2'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { collect } from '../../src/collect.ts'
import { InMaintenance, StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel, type WebhookEvent } from '../../src/events.ts'
import { openWorkerWebhooks } from '../../src/lifecycle/webhooks.ts'
import { openFileWebhooks } from '../../src/store/file-webhooks.ts'
import { createSealer } from '../../src/store/seal.ts'
import type { WebhookQueue } from '../../src/webhooks/contracts.ts'
import { QUEUE_LIMITS, type QueueLimits } from '../../src/webhooks/limits.ts'
import { pollUntil } from '../until.ts'
import { configure } from '../config/configure.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startFront, VISITOR } from '../upstream/front.ts'
import { ask, PROTOCOLS, type Ask, type Got, type Protocol } from '../upstream/visitor.ts'
import { startApp, status } from './app.ts'

const PATH = '/clients/dropbox/webhook'
const SECRET = 'dropbox-secret'
const BODY = Buffer.from([0x7b, 0x22, 0xff, 0x00, 0x0a, 0x22, 0x7d])

function headerOf({ headers }: Pick<Got, 'headers'>, name: string): string | undefined {
  const at = headers.findIndex((field, i) => i % 2 === 0 && field.toLowerCase() === name)
  return at === -1 ? undefined : headers[at + 1]
}

function sign(body: Buffer, secret = SECRET): string[] {
  return ['X-Dropbox-Signature', createHmac('sha256', secret).update(body).digest('hex')]
}

type Options = {
  secret?: string
  limits?: Partial<QueueLimits>
  paths?: string
  queue?: Partial<WebhookQueue>
  arrivingMs?: number
}

/** The worker's part on real sockets, between a real app and a queue in a file. */
async function startEdge(t: Test, options: Options = {}) {
  const { secret = '', limits = {}, paths = '', queue: odd = {}, arrivingMs = 30_000 } = options
  const app = await startApp(t)
  const opened = await openFileWebhooks(temporaryDirectory(t), createSealer(), { ...QUEUE_LIMITS, ...limits })
  t.teardown(() => opened.close())
  const queue: WebhookQueue = { ...opened, ...odd }
  const events: WebhookEvent[] = []
  t.teardown(edgeChannel('webhook').subscribe((event) => events.push(event)))
  const config = configure({ BLOT_HOST: 'blot.test', BLOT_DROPBOX_SECRET: secret, EDGE_WEBHOOK_PATHS: paths })
  let closed: Error | undefined
  let ids = 0
  const front = await startFront(t, {
    upstreams: [app.port],
    nextId: () => (++ids).toString(16).padStart(32, '0'),
    around: (fetch, pool) => (exchange) =>
      (around ??= join(pool)).then((joined) => joined(fetch, { commonHeaders })(exchange)),
  })
  let around: ReturnType<typeof join> | undefined
  async function join(pool: typeof front.pool) {
    const options = { store: { webhooks: queue }, pool, closed: () => closed, answerMs: 300, arrivingMs }
    return (await openWorkerWebhooks(config, options)).around
  }
  return {
    app,
    front,
    queue,
    events,
    close: (reason: Error | undefined) => void (closed = reason),
    post: (request: Ask = {}, protocol: Protocol = 'HTTP/1.1') =>
      ask(front, protocol, { method: 'POST', path: PATH, authority: 'blot.test', body: BODY, ...request }),
    get: (query: string, request: Ask = {}, protocol: Protocol = 'HTTP/1.1') =>
      ask(front, protocol, { path: PATH + query, authority: 'blot.test', ...request }),
    kept: () => collect(queue.list('waiting')),
  }
}

function commonHeaders(): readonly string[] {
  return ['X-Content-Type-Options', 'nosniff']
}

await t.test('while the app answers, webhooks pass, byte for byte', async (t) => {
  const { app, post, get, kept, events } = await startEdge(t, { secret: SECRET })
  for (const protocol of PROTOCOLS) {
    const headers = [
      'X-Dropbox-Signature',
      'whatever',
      'Edge-Webhook-Id',
      'forged',
      'edge_webhook_attempt',
      '7',
      'X-Forwarded-For',
      '1.2.3.4',
    ]
    const got = await post({ headers, path: `${PATH}?a=%2F&b` }, protocol)
    t.match(got, { status: 200, whole: true })
    t.equal(got.body.toString(), 'taken')
    const received = app.received.at(-1)
    t.same(received?.body, BODY)
    t.match(received, { method: 'POST', target: `${PATH}?a=%2F&b`, attempt: 1, id: /^0{20,}/ })
    t.match(received?.headers, { 'x-dropbox-signature': 'whatever', 'x-forwarded-for': VISITOR, host: 'blot.test' })
    t.equal(received?.headers['edge_webhook_attempt'], undefined)
  }
  for (const code of [201, 302, 400, 403, 404, 413]) {
    app.reply = status(code)
    t.match(await post(), { status: code })
  }
  t.equal((await post({ body: '' })).status, 413, 'an empty one is one too')
  const challenge = await get('?challenge=<b>')
  t.equal(challenge.status, 413, 'the app’s affair')
  t.same(await kept(), [])
  t.same(events, [])
})

await t.test('what the app does not take now is kept, and the sender is told so at once', async (t) => {
  const { app, post, kept, queue, events } = await startEdge(t)
  const troubles: readonly (readonly [name: string, reply: typeof app.reply, tried: object])[] = [
    ...[429, 502, 503, 504].map(
      (code) => [String(code), status(code), { attempts: 1, failures: 0, error: `status ${code}` }] as const,
    ),
    ...[500, 501].map(
      (code) => [String(code), status(code), { attempts: 1, failures: 1, error: `status ${code}` }] as const,
    ),
    [
      'reset',
      (_received, response) => void response.destroy(),
      { attempts: 1, failures: 0, error: 'EDGE_ERR_UPSTREAM_UNAVAILABLE' },
    ],
    ['silent', () => undefined, { attempts: 1, failures: 0, error: 'EDGE_ERR_UPSTREAM_TIMEOUT' }],
  ]
  for (const [name, reply, tried] of troubles) {
    app.reply = reply
    const got = await post(
      { headers: ['Connection', 'x-secret', 'X-Secret', '1'], body: ['{"chunks', '": 1}'] },
      name === '500' ? 'HTTP/2' : 'HTTP/1.1',
    ).catch(() => post())
    t.match(got, { status: 200 }, name)
    t.equal(headerOf(got, 'content-type'), 'text/plain; charset=utf-8')
    const [view, ...others] = await kept()
    t.same(others, [])
    t.match(view, { ...tried, path: PATH, state: 'waiting' }, name)
    t.equal(headerOf(got, 'edge-webhook-id'), view?.id)
    t.equal(app.received.at(-1)?.id, view?.id, 'under the id that the app has seen')
    await queue.remove(view?.id ?? '')
  }
  t.same(new Set(events.map(({ phase }) => phase)), new Set(['kept']))

  await app.away()
  const body = Buffer.alloc(100_000, BODY)
  t.match(await post({ body, headers: ['Content-Type', 'a/b', 'X-Twice', '1', 'X-Twice', '2', 'Keep-Alive', '5'] }), {
    status: 200,
  })
  const [view] = await kept()
  t.match(view, { attempts: 0, failures: 0, bytes: 100_000 }, 'nobody has seen it')
  const webhook = await queue.read(view?.id ?? '')
  t.same(webhook?.request.body, body)
  const { headers = [] } = webhook?.request ?? {}
  t.same(headers.slice(0, 2), ['Host', 'blot.test'])
  t.match(headers.join('\n'), /Content-Type\na\/b\nX-Twice\n1\nX-Twice\n2/)
  t.match(headers.join('\n'), `X-Forwarded-For\n${VISITOR}`)
  t.match(headers.join('\n').toLowerCase(), 'content-length\n100000')
  t.notMatch(headers.join('\n'), /Keep-Alive|^Connection/m)
})

await t.test('while older ones wait, newer ones queue behind them; in maintenance the app is not asked', async (t) => {
  const { app, post, get, kept, close, queue } = await startEdge(t, { paths: `${PATH},/hooks/other` })
  app.reply = status(503)
  await post({ body: 'first' })
  app.reply = status(200)
  t.equal(headerOf(await post({ body: 'second' }), 'edge-webhook-id'), (await kept())[1]?.id)
  t.equal(app.received.length, 1, 'only the first was sent')
  t.match(await post({ path: '/hooks/other' }), { status: 200 })
  t.equal(app.received.length, 2, 'another path waits for nobody')
  for (const { id } of await kept()) await queue.remove(id)

  close(new InMaintenance({ retryAfterS: 600, message: undefined }))
  t.match(await post(), { status: 200 })
  t.match(await kept(), [{ attempts: 0 }])
  t.equal((await get('?challenge=abc')).body.toString(), 'abc')
  t.equal(app.received.length, 2)
})

await t.test('the signature of what is kept is that of Dropbox', async (t) => {
  const { app, post, kept, events } = await startEdge(t, { secret: SECRET, paths: `${PATH},/hooks/other` })
  await app.away()
  const wrong = [
    [],
    sign(BODY, 'another'),
    sign(Buffer.from('other')),
    ['X-Dropbox-Signature', ''],
    [...sign(BODY), ...sign(BODY)],
  ]
  for (const headers of wrong) t.equal((await post({ headers })).status, 403)
  t.same(await kept(), [])
  t.same(new Set(events.map(({ phase, reason }) => `${phase} ${reason}`)), new Set(['refused wrong signature']))
  const [name = '', value = ''] = sign(BODY)
  t.match(await post({ headers: [name, value.toUpperCase()] }), { status: 200 })
  t.match(await post({ path: '/hooks/other' }), { status: 200 }, 'nobody knows how others sign')
  t.equal((await kept()).length, 2)
  t.notMatch(JSON.stringify(events), new RegExp(value))
})

await t.test('a sender who vanishes in the body leaves nothing', async (t) => {
  const { app, front, kept } = await startEdge(t)
  await app.away()
  for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const socket = connect(front.http, '127.0.0.1')
    socket.write(`POST ${PATH} HTTP/1.1\r\nHost: blot.test\r\n${framing}\r\n\r\n4\r\nhalf\r\n`)
    const before = front.exchanges.length
    await pollUntil(() => front.exchanges.length > before)
    socket.destroy()
    await front.over()
  }
  const session = http2.connect(`http://127.0.0.1:${front.h2}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': PATH, ':authority': 'blot.test' })
  stream.on('error', () => undefined)
  const before = front.exchanges.length
  stream.write('half')
  await pollUntil(() => front.exchanges.length > before)
  stream.close(http2.constants.NGHTTP2_CANCEL)
  await once(stream, 'close')
  await front.over()
  t.same(await kept(), [])
})

await t.test('a body over the limit is refused, whatever the app would say', async (t) => {
  const { app, front, post, kept } = await startEdge(t)
  for (const protocol of PROTOCOLS) {
    t.equal((await post({ body: Buffer.alloc(1024 * 1024 + 1) }, protocol)).status, 413)
    t.equal((await post({ body: [Buffer.alloc(1024 * 1024), Buffer.alloc(1)] }, protocol)).status, 413, 'in chunks')
  }
  t.equal(app.received.length, 0)
  t.equal((await post({ body: Buffer.alloc(1024 * 1024) })).status, 200)
  await app.away()
  t.equal((await post({ body: Buffer.alloc(1024 * 1024) })).status, 200)
  t.match(await kept(), [{ bytes: 1024 * 1024 }])
  const socket = connect(front.http, '127.0.0.1')
  socket.write(`POST ${PATH} HTTP/1.1\r\nHost: blot.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`)
  t.match(String(((await once(socket, 'data')) as [Buffer])[0]), /^HTTP\/1\.1 100 /)
  socket.write('body')
  t.match(String(((await once(socket, 'data')) as [Buffer])[0]), /^HTTP\/1\.1 200 /)
  socket.destroy()
})

await t.test('a body that trickles in is not waited for without an end', async (t) => {
  const { front, kept } = await startEdge(t, { arrivingMs: 300 })
  const socket = connect(front.http, '127.0.0.1')
  socket.write(`POST ${PATH} HTTP/1.1\r\nHost: blot.test\r\nContent-Length: 1000\r\n\r\n`)
  const trickle = setInterval(() => socket.write('x'), 20)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  clearInterval(trickle)
  socket.destroy()
  t.match(String(answer), /^HTTP\/1\.1 408 /)
  t.same(await kept(), [])
})

await t.test('what cannot be kept is refused, so that its sender comes again', async (t) => {
  const full = await startEdge(t, { limits: { waiting: 1 } })
  await full.app.away()
  t.match(await full.post(), { status: 200 })
  const got = await full.post({ body: 'another' })
  t.equal(got.status, 503)
  t.equal(headerOf(got, 'retry-after'), '60')
  t.equal((await full.kept()).length, 1)
  t.match(full.events.at(-1), { phase: 'refused', reason: 'EDGE_ERR_WEBHOOKS_FULL' })

  const away = (): Promise<never> => Promise.reject(new StoreUnavailable('away'))
  const broken = await startEdge(t, { queue: { add: away, hasWaiting: away } })
  t.match(await broken.post(), { status: 200 }, 'nobody can say whether others wait')
  t.equal(broken.app.received.length, 1)
  await broken.app.away()
  t.equal((await broken.post()).status, 503)
})

await t.test('equal ones are kept once', async (t) => {
  const { app, post, kept } = await startEdge(t)
  await app.away()
  const answers = await Promise.all(Array.from({ length: 100 }, () => post()))
  const [view, ...others] = await kept()
  t.same(others, [])
  t.same(new Set(answers.map((got) => headerOf(got, 'edge-webhook-id'))), new Set([view?.id]))
  await post({ path: `${PATH}?account=2` })
  t.equal((await kept()).length, 2, 'a query may be a part of what is said')
})

await t.test('a challenge is answered for an app that is away', async (t) => {
  const { app, get, post, kept } = await startEdge(t)
  app.reply = ({ target }, response) => void response.end(`the app: ${target}`)
  t.equal((await get('?challenge=a')).body.toString(), `the app: ${PATH}?challenge=a`)
  app.reply = status(503)
  t.equal((await get('?challenge=a')).body.toString(), 'a', 'or in trouble')
  await app.away()
  for (const protocol of PROTOCOLS) {
    const got = await get('?challenge=dBWPcNR_WFa-YFZ%3D', {}, protocol)
    t.equal(got.status, 200)
    t.equal(got.body.toString(), 'dBWPcNR_WFa-YFZ=')
    t.equal(headerOf(got, 'content-type'), 'text/plain; charset=utf-8')
    t.equal(headerOf(got, 'x-content-type-options'), 'nosniff')
  }
  for (const odd of ['<script>', 'a b', 'é', 'a%0d%0ab', '', 'x'.repeat(257)]) {
    t.equal(
      (await get(`?challenge=${odd.includes('%') ? odd : encodeURIComponent(odd)}`)).status,
      400,
      JSON.stringify(odd),
    )
  }
  for (const query of ['', '?challenge=a&challenge=b', '?other=a']) t.equal((await get(query)).status, 502, query)
  t.equal((await get('?challenge=a', { method: 'HEAD' })).status, 502)
  t.same(await kept(), [])
  t.equal((await post({ authority: 'garden.blot.test' })).status, 502)
})

await t.test('a challenge with a body is sent with it: no other request is taken for that', async (t) => {
  const { app, get } = await startEdge(t)
  app.reply = ({ body }, response) => void response.end(body)
  for (const protocol of PROTOCOLS) {
    const unsized = protocol === 'HTTP/1.1' ? ['Transfer-Encoding', 'chunked'] : []
    for (const headers of [['Content-Length', '5'], unsized]) {
      const got = await get('?challenge=a', { headers, body: 'hello' }, protocol)
      t.equal(got.body.toString(), 'hello', `${protocol}, ${headers.join(' ')}`)
    }
  }
  await app.away()
  t.equal((await get('?challenge=a', { headers: ['Content-Length', '5'], body: 'hello' })).body.toString(), 'a')
})

await t.test('nothing else is a webhook', async (t) => {
  const { app, post, kept } = await startEdge(t)
  await app.away()
  const others: readonly Ask[] = [
    { authority: 'garden.blot.test' },
    { authority: 'www.blot.test' },
    { authority: 'webhooks.blot.test' },
    { authority: 'customer.example' },
    { path: `${PATH}/` },
    { path: '/clients/dropbox' },
    { path: `/clients/./dropbox/webhook` },
    { path: '/clients/dropbox%2Fwebhook' },
    { method: 'PUT' },
    { method: 'PATCH' },
  ]
  for (const other of others) t.equal((await post(other)).status, 502, JSON.stringify(other))
  t.same(await kept(), [])
})
