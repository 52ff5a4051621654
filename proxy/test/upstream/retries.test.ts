import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { createPool, type Target } from '../../src/upstream/pool.ts'
import { startFront } from './front.ts'
import { plain, startOrigin, type Origin } from './origin.ts'
import { ask, header, type Ask } from './visitor.ts'

const POST: Ask = { method: 'POST', headers: ['content-length', '4'], body: 'once' }

function good(t: Test): Promise<Origin> {
  return startOrigin(t, async (call) => {
    if (call.lines[0]?.startsWith('POST')) await call.until('once')
    call.socket.write(plain('good'))
  })
}

async function refusing(t: Test): Promise<number> {
  const origin = await startOrigin(t, () => {})
  await origin.close()
  return origin.port
}

await t.test(
  'a refused connection: the next upstream is asked, whatever the method, and the first left alone',
  async (t) => {
    const second = await good(t)
    const first = await refusing(t)
    const front = await startFront(t, { upstreams: [first, second.port] })
    for (const request of [POST, POST, {}, {}]) t.equal((await ask(front, 'HTTP/1.1', request)).status, 200)
    t.equal(second.calls.length, 4)
    t.equal(second.calls[0]?.received.toString(), 'once')
    t.match(front.pool.stats(), [{ state: 'away' }, { state: 'up' }])
    t.equal(front.exchanges[0]?.upstream, `127.0.0.1:${second.port}`)
  },
)

await t.test('with every upstream away they are asked all the same', async (t) => {
  const port = await refusing(t)
  const front = await startFront(t, { upstreams: [port] })
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  await startOrigin(t, ({ socket }) => socket.write(plain('back')), port)
  t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'back')
})

for (const status of [500, 502, 503, 504]) {
  await t.test(`a ${status}: GET is tried at the other upstream, POST is not`, async (t) => {
    const bad = await startOrigin(t, ({ socket }) => socket.write(plain('bad', `HTTP/1.1 ${status} Bad`)))
    const other = await good(t)
    const front = await startFront(t, { upstreams: [bad.port, other.port] })
    for (let i = 0; i < 4; i++) t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'good')
    t.ok(bad.calls.length > 0)
    t.equal(other.calls.length, 4)
    const statuses = new Set<number>()
    for (let i = 0; i < 2; i++) statuses.add((await ask(front, 'HTTP/1.1', POST)).status)
    t.same(
      [...statuses].toSorted((a, b) => a - b),
      [200, status],
    )
  })
}

await t.test('a 503 with Retry-After is believed', async (t) => {
  const head = 'HTTP/1.1 503 Busy\r\nRetry-After: 9'
  const first = await startOrigin(t, ({ socket }) => socket.write(plain('', head)))
  const second = await startOrigin(t, ({ socket }) => socket.write(plain('', head)))
  const front = await startFront(t, { upstreams: [first.port, second.port] })
  const got = await ask(front, 'HTTP/1.1')
  t.same([got.status, header(got, 'retry-after')], [503, ['9']])
  t.equal(first.calls.length + second.calls.length, 1)
})

await t.test('a reset before any byte of an answer: GET once more, POST and DELETE not', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.resetAndDestroy())
  const front = await startFront(t, { upstreams: [origin.port] })
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  t.equal(origin.calls.length, 2)
  t.equal((await ask(front, 'HTTP/1.1', POST)).status, 502)
  t.equal((await ask(front, 'HTTP/1.1', { method: 'DELETE' })).status, 502)
  t.equal(origin.calls.length, 4)
})

await t.test('a reset after a byte of an answer: no second try', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write('HTTP/1.1 2', () => socket.resetAndDestroy()))
  const front = await startFront(t, { upstreams: [origin.port] })
  t.equal((await ask(front, 'HTTP/1.1')).status, 502)
  t.equal(origin.calls.length, 1)
})

await t.test('an idle connection that the upstream closes just then costs a GET nothing', async (t) => {
  const origin = await startOrigin(t, ({ socket, earlier }) =>
    earlier === 0 ? socket.write(plain('ok')) : socket.destroy(),
  )
  const front = await startFront(t, { upstreams: [origin.port] })
  for (let i = 0; i < 4; i++) t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'ok')
})

await t.test('a connection that closes while a POST comes never had it: it is asked over another', async (t) => {
  const origin = await good(t)
  const front = await startFront(t, { upstreams: [origin.port] })
  const visitor = net.connect(front.http, '127.0.0.1')
  t.teardown(() => visitor.destroy())
  const post = 'POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 4\r\n\r\nonce'
  for (let time = 1; time <= 5; time++) {
    // Both are there when the event loop looks again, the visitor's request first.
    visitor.write(post)
    origin.calls.at(-1)?.socket.destroy()
    const [answer] = (await once(visitor, 'data')) as [Buffer]
    t.match(answer.toString(), /^HTTP\/1\.1 200 /)
    t.equal(origin.calls.length, time)
  }
})

await t.test('nothing is tried again after a timeout', async (t) => {
  const silent = await startOrigin(t, () => {})
  const other = await startOrigin(t, () => {})
  const front = await startFront(t, {
    upstreams: [silent.port, other.port],
    classify: () => ({ sendMs: 100, readMs: 100, bodyMs: 100, maxBodyBytes: 100 }),
  })
  t.equal((await ask(front, 'HTTP/1.1')).status, 504)
  t.equal(silent.calls.length + other.calls.length, 1)
})

await t.test('a backup is asked only while every other one is away', async (t) => {
  const port = await refusing(t)
  const spare = await good(t)
  const url = (one: number): string => `http://127.0.0.1:${one}`
  const upstreams = [
    { url: url(spare.port), backup: true },
    { url: url(port), backup: false },
  ]
  const front = await startFront(t, { upstreams })
  t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'good')
  t.equal(spare.calls.length, 1)
  const main = await startOrigin(t, ({ socket }) => socket.write(plain('main')), port)
  while (front.pool.stats()[1]?.state === 'away') await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'main')
  t.equal(spare.calls.length, 1)
  t.equal(main.calls.length, 1)
})

await t.test('the upstream with the fewest requests under way is asked; equal ones take turns', async (t) => {
  const upstreams = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'].map((url) => ({
    url,
    backup: false,
  }))
  const pool = createPool({ upstreams })
  const asked = new Set<string | undefined>()
  const targets: Target[] = []
  for (let i = 0; i < 3; i++) {
    const target = pool.choose()
    asked.add(target?.address)
    if (target === undefined) continue
    target.begin()
    targets.push(target)
  }
  t.equal(asked.size, 3)
  targets[1]?.end()
  t.same(
    pool
      .stats()
      .map(({ active }) => active)
      .toSorted((a, b) => a - b),
    [0, 1, 1],
  )
  const free = pool.stats().find(({ active }) => active === 0)?.url
  for (let i = 0; i < 5; i++) t.equal(`http://${pool.choose()?.address}`, free)
  await pool.close()
})

await t.test('an upstream has a bounded number of requests; beyond it the page says when to come back', async (t) => {
  const origin = await good(t)
  const front = await startFront(t, { upstreams: [origin.port] })
  const target = front.pool.choose()
  for (let i = 0; i < 4096; i++) target?.begin()
  const got = await ask(front, 'HTTP/1.1')
  t.same([got.status, header(got, 'retry-after')], [503, ['1']])
  for (let i = 0; i < 4096; i++) target?.end()
  t.equal((await ask(front, 'HTTP/1.1')).status, 200)
})

await t.test(
  'an upstream that does not accept is given up within its connect time: 504',
  { timeout: 10_000 },
  async (t) => {
    // A stopped process with a full queue of connections: the kernel drops every further SYN.
    const script =
      "const s = require('net').createServer().listen(0, '127.0.0.1', 1, () => console.log(s.address().port))"
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const port = Number(line.toString())
    child.kill('SIGSTOP')
    const fillers = Array.from({ length: 8 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
    t.teardown(() => {
      for (const filler of fillers) filler.destroy()
      child.kill('SIGKILL')
    })
    await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')))
    const front = await startFront(t, { upstreams: [port] })
    const got = await ask(front, 'HTTP/1.1')
    t.equal(got.status, 504)
    t.match(front.pool.stats(), [{ state: 'away', active: 0 }])
  },
)
