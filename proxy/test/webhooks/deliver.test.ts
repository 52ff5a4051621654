import { hash } from 'node:crypto'
import t, { type Test } from 'tap'
import { collect } from '../../src/collect.ts'
import { StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel, type WebhookEvent } from '../../src/events.ts'
import { openFileWebhooks } from '../../src/store/file-webhooks.ts'
import { createSealer } from '../../src/store/seal.ts'
import { createCourier } from '../../src/upstream/courier.ts'
import { HEALTH_PATH } from '../../src/upstream/health/probe.ts'
import { createMonitor } from '../../src/upstream/health/monitor.ts'
import { createPool } from '../../src/upstream/pool.ts'
import type { AppWatch, Webhook, WebhookQueue } from '../../src/webhooks/contracts.ts'
import { startDeliverer, type DelivererOptions } from '../../src/webhooks/deliver.ts'
import { DELIVERY_LIMITS, QUEUE_LIMITS } from '../../src/webhooks/limits.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makeStoreKey } from '../store/stores.ts'
import { pollUntil } from '../until.ts'
import { startApp, status, type App } from './app.ts'

const PATH = '/clients/dropbox/webhook'
const LIMITS = { ...DELIVERY_LIMITS, answerMs: 400, firstPauseMs: 5, mostPauseMs: 40, lookMs: 10, failures: 4 }

let count = 0
function make(body = `number ${count}`, path = PATH): Webhook {
  const id = (++count).toString(16).padStart(32, '0')
  const headers = ['Host', 'blot.test', 'X-Request-ID', id, 'Content-Length', String(Buffer.byteLength(body))]
  const request = { method: 'POST', target: path, headers, body: Buffer.from(body) }
  return { id, path, digest: hash('sha256', path + body), acceptedAtMs: Date.now(), request }
}

async function openQueue(t: Test, folder = temporaryDirectory(t), key?: string) {
  const queue = await openFileWebhooks(folder, createSealer({ key }), QUEUE_LIMITS)
  t.teardown(() => queue.close())
  return queue
}

async function addAll(queue: WebhookQueue, webhooks: readonly Webhook[]): Promise<void> {
  for (const webhook of webhooks) await queue.add(webhook)
}

function listen(t: Test): WebhookEvent[] {
  const events: WebhookEvent[] = []
  t.teardown(edgeChannel('webhook').subscribe((event) => events.push(event)))
  return events
}

/** The manager's part before a real app. It closes with the test. */
async function start(t: Test, app: App, options: Pick<DelivererOptions, 'queue'> & Partial<DelivererOptions>) {
  const upstreams = [{ url: `http://127.0.0.1:${app.port}`, backup: false }]
  const pool = createPool({ upstreams })
  const monitor = createMonitor({ upstreams, path: HEALTH_PATH, onChange: () => undefined })
  const watch: AppWatch = {
    isAway() {
      pool.apply(monitor.health())
      return monitor.isAway()
    },
    onBack: monitor.onBack,
    async look() {
      const health = await monitor.check(upstreams.map(({ url }) => url))
      return health.some(({ verdict }) => verdict === 'up')
    },
  }
  // Until somebody has looked, every upstream is taken to be well.
  await watch.look()
  const courier = createCourier(pool, 8443)
  const isClosed = (): Promise<boolean> => Promise.resolve(false)
  const deliverer = startDeliverer({ app: watch, courier, isClosed, limits: LIMITS, ...options })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> =>
    (closing ??= deliverer.close().then(async () => {
      monitor.close()
      await pool.close()
    }))
  t.teardown(close)
  return { ...deliverer, close }
}

const bodies = ({ received }: App): string[] => received.map(({ body }) => body.toString())
const isEmpty = async (queue: WebhookQueue): Promise<boolean> => (await queue.counts()).waiting === 0

await t.test('when the app is back, it gets what waits: in order, as it came, once', async (t) => {
  const app = await startApp(t)
  await app.away()
  const queue = await openQueue(t)
  const events = listen(t)
  await start(t, app, { queue })
  const webhooks = Array.from({ length: 200 }, () => make())
  await addAll(queue, webhooks)
  await app.back()
  await pollUntil(() => isEmpty(queue))
  t.same(
    app.received.map(({ id }) => id),
    webhooks.map(({ id }) => id),
  )
  t.same(
    bodies(app),
    webhooks.map(({ request }) => request.body.toString()),
  )
  const [first] = app.received
  t.match(first, {
    method: 'POST',
    target: PATH,
    attempt: 1,
    headers: { host: 'blot.test', 'x-request-id': first?.id },
  })
  t.equal(events.filter(({ phase }) => phase === 'delivered').length, 200)
  const later = make()
  await queue.add(later)
  await pollUntil(() => app.received.length === 201)
})

await t.test('one that the app refuses again and again is given up, and those behind it go on', async (t) => {
  const app = await startApp(t)
  const queue = await openQueue(t)
  const events = listen(t)
  app.reply = ({ body }, response) => void response.writeHead(body.includes('poison') ? 500 : 200).end()
  const [before, poison, after] = [make('before'), make('poison'), make('after')]
  await addAll(queue, [before, poison, after])
  const { wake } = await start(t, app, { queue })
  await pollUntil(() => isEmpty(queue))
  t.same(bodies(app), ['before', 'poison', 'poison', 'poison', 'poison', 'after'])
  t.same(
    app.received.slice(1, 5).map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  )
  t.same(new Set(app.received.slice(1, 5).map(({ id }) => id)), new Set([poison.id]))
  t.match(await collect(queue.list('dead')), [{ id: poison.id, attempts: 4, error: 'status 500, 4 times' }])
  t.match(
    events.find(({ phase }) => phase === 'dead'),
    { id: poison.id, path: PATH, reason: 'status 500, 4 times' },
  )
  t.notMatch(JSON.stringify(events), /before|after/, 'no body in any event')
  app.reply = status(204)
  await queue.retry(poison.id)
  wake()
  await pollUntil(() => isEmpty(queue))
  t.match(app.received.at(-1), { id: poison.id, attempt: 5 })
})

await t.test('an app that is merely away, busy or hung uses up no tries', async (t) => {
  const app = await startApp(t)
  const queue = await openQueue(t)
  const webhook = make()
  await queue.add(webhook)
  const state = async () => queue.find(webhook.id)
  const tried = async (): Promise<number> => (await state())?.attempts ?? 0

  app.reply = status(503)
  const deliverer = await start(t, app, { queue })
  await pollUntil(async () => (await tried()) > LIMITS.failures)
  app.reply = status(429)
  const busy = await tried()
  await pollUntil(async () => (await tried()) > busy + LIMITS.failures)
  t.match(await state(), { state: 'waiting', failures: 0, error: /status 4?5?/ })

  // All of it hangs, its health too.
  app.health = () => undefined
  app.reply = () => undefined
  const hung = await tried()
  await pollUntil(async () => (await tried()) > hung && (await state())?.error === 'EDGE_ERR_UPSTREAM_TIMEOUT')
  t.match(await state(), { state: 'waiting', failures: 0 })
  await deliverer.close()

  await app.away()
  app.health = (response) => void response.end('ok')
  app.reply = status(200)
  await start(t, app, { queue })
  const away = await tried()
  await app.back()
  await pollUntil(() => isEmpty(queue))
  t.equal(app.received.at(-1)?.id, webhook.id)
  t.ok((app.received.at(-1)?.attempt ?? 0) <= away + 2, 'nothing was tried while nobody was there')
})

await t.test('one that hangs, or breaks, an app that is well is given up', async (t) => {
  const app = await startApp(t)
  const queue = await openQueue(t)
  app.reply = ({ body }, response) => {
    if (body.includes('breaks')) response.destroy()
    else if (!body.includes('hangs')) response.end()
  }
  await addAll(queue, [make('breaks'), make('hangs'), make('fine')])
  await start(t, app, { queue, limits: { ...LIMITS, answerMs: 100, failures: 2 } })
  await pollUntil(() => isEmpty(queue))
  t.same(bodies(app), ['breaks', 'breaks', 'hangs', 'hangs', 'fine'])
  t.match(await collect(queue.list('dead')), [
    { error: 'EDGE_ERR_UPSTREAM_UNAVAILABLE, 2 times' },
    { error: 'EDGE_ERR_UPSTREAM_TIMEOUT, 2 times' },
  ])
})

await t.test('one path does not wait for another', async (t) => {
  const app = await startApp(t)
  const queue = await openQueue(t)
  app.reply = ({ target }, response) => void response.writeHead(target === PATH ? 503 : 200).end()
  await addAll(queue, [make(), make(), make('x', '/hooks/other')])
  await start(t, app, { queue, limits: { ...LIMITS, mostPauseMs: 60_000, firstPauseMs: 60_000 } })
  await pollUntil(async () => !(await queue.hasWaiting('/hooks/other')))
  await queue.add(make('y', '/hooks/other'))
  await pollUntil(async () => !(await queue.hasWaiting('/hooks/other')))
  t.match(await queue.counts(), { waiting: 2 })
})

await t.test('in maintenance nothing is delivered', async (t) => {
  const app = await startApp(t)
  const queue = await openQueue(t)
  let isClosed = true
  let asked = 0
  await start(t, app, {
    queue,
    isClosed: async () => {
      asked++
      return isClosed
    },
  })
  await queue.add(make())
  const before = asked
  await pollUntil(() => asked > before + 3)
  t.equal(app.received.length, 0)
  isClosed = false
  await pollUntil(() => isEmpty(queue))
  t.equal(app.received.length, 1)
})

await t.test('one delivers at a time; when it closes, another goes on where it stopped', async (t) => {
  const app = await startApp(t)
  const folder = temporaryDirectory(t)
  const [one, two] = [await openQueue(t, folder), await openQueue(t, folder)]
  const webhooks = Array.from({ length: 60 }, () => make())
  await addAll(one, webhooks)
  const held: (() => void)[] = []
  app.reply = (_received, response) => {
    if (app.received.length % 10 === 0) held.push(() => void response.end())
    else response.end()
  }
  const deliverers = [await start(t, app, { queue: one }), await start(t, app, { queue: two })]
  for (let round = 1; round <= 6; round++) {
    await pollUntil(() => held.length > 0)
    t.equal(held.length, 1, 'nobody else sends meanwhile')
    const closing = Promise.all(deliverers.splice(0, 1).map((deliverer) => deliverer.close()))
    held.pop()?.()
    await closing
    deliverers.push(await start(t, app, { queue: round % 2 === 0 ? two : one }))
  }
  await pollUntil(() => isEmpty(one))
  t.same(
    app.received.map(({ id }) => id),
    webhooks.map(({ id }) => id),
    'each once, in order',
  )
})

await t.test('closing ends what hangs, and lets go', async (t) => {
  const app = await startApp(t)
  const folder = temporaryDirectory(t)
  const queue = await openQueue(t, folder)
  const webhook = make()
  await queue.add(webhook)
  app.reply = () => undefined
  const deliverer = await start(t, app, { queue, limits: { ...LIMITS, answerMs: 60_000, closeMs: 50 } })
  await pollUntil(() => app.received.length === 1)
  await deliverer.close()
  t.match(await queue.find(webhook.id), { state: 'waiting', attempts: 1, failures: 0, error: undefined })
  await (await queue.lead(AbortSignal.timeout(30_000))).release()
})

await t.test('whose lead is lost sends nothing more', async (t) => {
  const app = await startApp(t)
  const file = await openQueue(t)
  const webhook = make()
  await file.add(webhook)
  const lost = new AbortController()
  let leads = 0
  const lead: WebhookQueue['lead'] = (signal) => {
    leads++
    return leads === 1 ? Promise.resolve({ lost: lost.signal, release: async () => {} }) : file.lead(signal)
  }
  app.reply = () => undefined
  await start(t, app, { queue: { ...file, lead }, limits: { ...LIMITS, answerMs: 60_000 } })
  await pollUntil(() => app.received.length === 1)
  app.reply = status(200)
  lost.abort()
  await pollUntil(() => isEmpty(file))
  t.same(
    app.received.map(({ attempt }) => attempt),
    [1, 2],
  )
})

await t.test(
  'one that waits for too long is given up when it fails once more, and no clock that is set makes it old',
  async (t) => {
    const app = await startApp(t)
    const queue = await openQueue(t)
    app.reply = status(503)
    const [old, young] = [{ ...make(), acceptedAtMs: Date.now() - 4 * 86_400_000 }, make()]
    await addAll(queue, [old, young])
    const { now } = Date
    t.teardown(() => void (Date.now = now))
    Date.now = () => now() + 365 * 86_400_000
    await start(t, app, { queue })
    await pollUntil(async () => ((await queue.find(young.id))?.attempts ?? 0) > 3)
    t.match(await collect(queue.list('dead')), [{ id: old.id, error: 'status 503, and waited for too long' }])
    t.match(await queue.find(young.id), { state: 'waiting' })
  },
)

await t.test(
  'one that was delivered while the store went away is removed when that is back, and not sent again',
  async (t) => {
    const app = await startApp(t)
    const queue = await openQueue(t)
    const events = listen(t)
    await addAll(queue, [make(), make()])
    let refusals = 3
    const remove = (id: string): Promise<boolean> =>
      refusals-- > 0 ? Promise.reject(new StoreUnavailable('the disk is full')) : queue.remove(id)
    await start(t, app, { queue: { ...queue, remove } })
    await pollUntil(() => isEmpty(queue))
    t.same(
      app.received.map(({ attempt }) => attempt),
      [1, 1],
    )
    t.match(events, [
      { phase: 'delivered', attempts: 1 },
      { phase: 'delivered', attempts: 1 },
    ])
  },
)

await t.test('one that cannot be read stands in nobody’s way', async (t) => {
  const app = await startApp(t)
  const folder = temporaryDirectory(t)
  const other = await openQueue(t, folder, makeStoreKey())
  const [sealed, fine] = [make(), make()]
  await other.add(sealed)
  const queue = await openQueue(t, folder)
  await queue.add(fine)
  await start(t, app, { queue })
  await pollUntil(() => isEmpty(queue))
  t.same(
    app.received.map(({ id }) => id),
    [fine.id],
  )
  t.match(await collect(queue.list('dead')), [{ id: sealed.id, error: 'EDGE_ERR_STORE_KEY_UNKNOWN' }])
})

await t.test('what was put beside a store that is away moves there, and is delivered if that stays away', async (t) => {
  const app = await startApp(t)
  await app.away()
  const [shared, spare] = [await openQueue(t), await openQueue(t)]
  let isAway = true
  const move: NonNullable<DelivererOptions['move']> = (webhook, tried) =>
    isAway ? Promise.reject(new StoreUnavailable('away')) : shared.add(webhook, tried)
  await start(t, app, { queue: spare, move })
  const [first, second, third] = [make(), make(), make()]
  await addAll(spare, [first, second])
  await spare.begin(first.id)
  isAway = false
  // No app is needed for that.
  await pollUntil(() => isEmpty(spare))
  t.match(await collect(shared.list('waiting')), [
    { id: first.id, attempts: 1 },
    { id: second.id, attempts: 0 },
  ])

  isAway = true
  await spare.add(third)
  await app.back()
  await pollUntil(() => isEmpty(spare))
  t.same(
    app.received.map(({ id }) => id),
    [third.id],
  )
})
