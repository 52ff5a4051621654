import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { startFront, type Front, type FrontOptions } from './front.ts'
import { plain, startOrigin, valuesOf, type Call, type Origin } from './origin.ts'
import { ask, PROTOCOLS, sendRaw, type Ask } from './visitor.ts'

const POST: Ask = { method: 'POST', headers: ['content-length', '4'], body: 'once' }

/** A port at which nobody listens, until an app is started there. */
async function freePort(t: Test): Promise<number> {
  const origin = await startOrigin(t, () => {})
  await origin.close()
  return origin.port
}

/** Before an app that is not there yet; visitors wait for long. */
async function startAway(t: Test, options: Partial<FrontOptions> = {}): Promise<{ front: Front; port: number }> {
  const port = await freePort(t)
  const front = await startFront(t, { upstreams: [port], hold: { holdMs: 60_000 }, ...options })
  return { front, port }
}

/** Answers with what it got. */
function echo(t: Test, port: number): Promise<Origin> {
  return startOrigin(
    t,
    async (call) => {
      const length = Number(valuesOf(call, 'content-length')[0] ?? 0)
      while (call.received.length < length) await once(call.socket, 'received')
      call.socket.write(plain(`${call.lines[0]?.split(' ', 2).join(' ')} ${call.received.toString()}`))
    },
    port,
  )
}

/** Resolves when so many requests wait in this process. */
function untilWaiting(front: Front, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (front.hold.waiting !== count) return
      clearInterval(look)
      resolve()
    }, 5)
  })
}

for (const protocol of PROTOCOLS) {
  await t.test(`${protocol}: whatever is refused waits, and is done once when the app is there`, async (t) => {
    const { front, port } = await startAway(t)
    const body = Buffer.alloc(1_000_000, 'x')
    const asking = [
      ask(front, protocol, { path: '/get' }),
      ask(front, protocol, { ...POST, path: '/post' }),
      ask(front, protocol, { method: 'PUT', path: '/put', headers: ['content-length', String(body.length)], body }),
      ask(front, protocol, { method: 'DELETE', path: '/delete' }),
    ]
    await untilWaiting(front, asking.length)
    const app = await echo(t, port)
    const answers = await Promise.all(asking)
    t.same(
      answers.map((answer) => answer.body.toString('latin1').slice(0, 20).trim()),
      ['GET /get', 'POST /post once', `PUT /put ${'x'.repeat(11)}`, 'DELETE /delete'],
    )
    t.equal(app.calls.length, asking.length)
    t.ok(front.exchanges.every(({ heldMs }) => heldMs !== undefined && heldMs > 0))
  })

  await t.test(`${protocol}: who leaves while he waits is gone, and the app never hears of him`, async (t) => {
    const { front, port } = await startAway(t)
    const leaving = new AbortController()
    const { signal } = leaving
    const gone = [ask(front, protocol, { path: '/left', signal }), ask(front, protocol, { ...POST, signal })]
    const stays = ask(front, protocol, { path: '/stays' })
    await untilWaiting(front, 3)
    leaving.abort()
    await Promise.allSettled(gone)
    await untilWaiting(front, 1)
    const app = await echo(t, port)
    t.equal((await stays).body.toString(), 'GET /stays ')
    t.equal(app.calls.length, 1)
  })
}

await t.test('when the time is over, the visitor gets the page; a body that was not read does no harm', async (t) => {
  const { front } = await startAway(t, { hold: { holdMs: 200 } })
  const answers = await Promise.all([ask(front, 'HTTP/1.1'), ask(front, 'HTTP/1.1', { ...POST, body: ['on', 'ce'] })])
  for (const { status, body } of answers) t.match([status, body.toString()], [502, /^page offline/])
  t.equal(front.hold.isEmpty, true)
})

await t.test('more than may wait, in number or in bytes, get the page at once', async (t) => {
  const { front, port } = await startAway(t, { hold: { holdMs: 60_000, maxRequests: 3, maxBytes: 200_000 } })
  const held = [
    ask(front, 'HTTP/1.1'),
    ask(front, 'HTTP/1.1', { ...POST, headers: ['content-length', '150000'], body: Buffer.alloc(150_000) }),
  ]
  await untilWaiting(front, 2)
  const tooLarge = await ask(front, 'HTTP/1.1', {
    method: 'POST',
    headers: ['content-length', '90000'],
    body: Buffer.alloc(90_000),
  })
  t.equal(tooLarge.status, 502)
  held.push(ask(front, 'HTTP/1.1'))
  await untilWaiting(front, 3)
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  await echo(t, port)
  for (const { status } of await Promise.all(held)) t.equal(status, 200)
})

await t.test('they are let go in the order in which they came, and not all at once', async (t) => {
  const { front, port } = await startAway(t)
  const asking = []
  for (let i = 0; i < 100; i++) {
    asking.push(ask(front, 'HTTP/1.1', { path: `/${i}` }))
    await untilWaiting(front, i + 1)
  }
  let most = 0
  const open: Call[] = []
  const app = await startOrigin(
    t,
    (call) => {
      open.push(call)
      most = Math.max(most, open.length)
      if (open.length < 16) return
      // So many are under way at once; each answer lets one more go.
      open.shift()?.socket.write(plain('ok'))
    },
    port,
  )
  while (app.calls.length < 100) await new Promise(setImmediate)
  for (const { socket } of open) socket.write(plain('ok'))
  for (const { status } of await Promise.all(asking)) t.equal(status, 200)
  const order = app.calls.map(({ lines }) => Number(lines[0]?.split(/[ /]+/)[1]))
  // Connections are made side by side: one may overtake its neighbours, and nobody else.
  order.forEach((number, place) => t.ok(Math.abs(number - place) < 16, `${number} at ${place}`))
  t.ok(most <= 32, `${most} at once`)
})

await t.test('reset after its head was sent: GET waits for the app, POST is never sent again', async (t) => {
  const port = await freePort(t)
  const dying = await startOrigin(t, () => void (dying.calls.length === 2 && void dying.close()), port)
  const front = await startFront(t, { upstreams: [port], hold: { holdMs: 60_000 } })
  const asking = [ask(front, 'HTTP/1.1', { path: '/get' }), ask(front, 'HTTP/1.1', { ...POST, path: '/post' })]
  await untilWaiting(front, 1)
  const app = await echo(t, port)
  const [get, post] = await Promise.all(asking)
  t.equal(get?.body.toString(), 'GET /get ')
  t.equal(post?.status, 502)
  t.equal(app.calls.length, 1)
})

await t.test('a request that ends two new connections is not tried a third time', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.resetAndDestroy())
  const front = await startFront(t, { upstreams: [origin.port], hold: { holdMs: 60_000 } })
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  t.equal(origin.calls.length, 2)
})

await t.test('an app that asks for a moment while it starts gets it: GET is asked again, POST is not', async (t) => {
  const { front, port } = await startAway(t)
  const get = ask(front, 'HTTP/1.1', { path: '/get' })
  await untilWaiting(front, 1)
  let isReady = false
  const app = await startOrigin(
    t,
    ({ socket }) => socket.write(isReady ? plain('ready') : plain('', 'HTTP/1.1 503 Starting\r\nRetry-After: 1')),
    port,
  )
  while (app.calls.length === 0) await new Promise(setImmediate)
  t.equal((await ask(front, 'HTTP/1.1', POST)).status, 503)
  isReady = true
  t.equal((await get).body.toString(), 'ready')
})

await t.test('an upgrade waits too; who leaves meanwhile is gone', async (t) => {
  const { front, port } = await startAway(t)
  const request = 'GET /ws HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'
  const answered = sendRaw(front, request, (text) => text.includes('hello'))
  const leaver = net.connect(front.http, '127.0.0.1')
  leaver.write(request)
  await untilWaiting(front, 2)
  leaver.destroy()
  await untilWaiting(front, 1)
  const app = await startOrigin(
    t,
    ({ socket }) => socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello'),
    port,
  )
  t.match(await answered, /^HTTP\/1\.1 101 .*hello$/s)
  t.equal(app.calls.length, 1)
})

await t.test('each end of a wait is told, for the metrics', async (t) => {
  const outcomes: unknown[] = []
  t.teardown(edgeChannel('hold').subscribe(({ outcome, waiting }) => outcomes.push([outcome, waiting])))
  const { front } = await startAway(t, { hold: { holdMs: 100, maxRequests: 1 } })
  await Promise.all([ask(front, 'HTTP/1.1'), ask(front, 'HTTP/1.1')])
  t.same(outcomes, [
    [undefined, 1],
    ['full', 1],
    ['expired', 0],
  ])
})
