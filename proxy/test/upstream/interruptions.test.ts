import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import t from 'tap'
import type { RequestClass } from '../../src/upstream/classes.ts'
import { startFront } from './front.ts'
import { plain, startOrigin, type Call } from './origin.ts'
import { ask, PROTOCOLS, sendRaw } from './visitor.ts'

const IMPATIENT: RequestClass = { sendMs: 300, readMs: 300, bodyMs: 300, maxBodyBytes: 1024 * 1024 * 1024 }
const PATIENT: RequestClass = { ...IMPATIENT, sendMs: 60_000, readMs: 60_000, bodyMs: 60_000 }

const CUTS: Record<string, (call: Call) => unknown> = {
  'in a chunk': ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nhalf'),
  'between chunks': ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
  'before the end of its length': ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
  'by a reset': ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => socket.resetAndDestroy())
  },
  'by bytes that are no chunk': ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n'),
  'by silence': ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
}

for (const protocol of PROTOCOLS) {
  await t.test(`${protocol}: an answer that the upstream cuts never looks whole`, async (t) => {
    for (const [how, cut] of Object.entries(CUTS)) {
      const origin = await startOrigin(t, cut)
      const front = await startFront(t, { upstreams: [origin.port], classify: () => IMPATIENT })
      const got = await ask(front, protocol).catch((error: Error) => error)
      // A client may be told of the cut before it gets to see the head; or the edge learns of it then, and shows its page.
      if (!(got instanceof Error) && got.whole && got.status !== 502) t.fail(`cut ${how} looks whole`)
      await front.over()
      t.match(front.exchanges[0]?.reason, /^EDGE_ERR_UPSTREAM_(UNAVAILABLE|TIMEOUT)/, how)
      await origin.ended()
    }
  })

  await t.test(`${protocol}: no head: 502, or 504 after silence`, async (t) => {
    const origin = await startOrigin(t, ({ socket, lines }) => {
      if (lines[0]?.includes('reset')) socket.resetAndDestroy()
      if (lines[0]?.includes('close')) socket.end()
      if (lines[0]?.includes('half')) socket.end('HTTP/1.1 200 OK\r\nContent-')
    })
    const front = await startFront(t, { upstreams: [origin.port], classify: () => IMPATIENT })
    const statuses = { '/reset': 502, '/close': 502, '/half': 502, '/hang': 504 }
    for (const [path, status] of Object.entries(statuses)) {
      const got = await ask(front, protocol, { method: 'POST', path, headers: ['content-length', '2'], body: 'ok' })
      t.equal(got.status, status, path)
      t.match(got.body.toString(), /^page offline/)
      t.ok(got.whole)
    }
    t.equal(origin.calls.length, 4, 'one hit each')
    await origin.ended()
    await origin.close()
    const got = await ask(front, protocol)
    t.equal(got.status, 502, 'refused')
    t.match(front.exchanges.at(-1), { upstream: `127.0.0.1:${origin.port}` })
  })

  await t.test(
    `${protocol}: when the visitor leaves, the upstream's connection ends`,
    { timeout: 10_000 },
    async (t) => {
      const leaving = new AbortController()
      const seen = Promise.withResolvers<void>()
      const origin = await startOrigin(t, async (call) => {
        if (call.lines[0]?.startsWith('POST')) await call.until('part')
        if (call.lines[0]?.includes('body')) call.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
        seen.resolve()
      })
      const front = await startFront(t, { upstreams: [origin.port], classify: () => PATIENT })
      const { signal } = leaving
      const asking = [
        ask(front, protocol, { path: '/before-the-head', signal }),
        ask(front, protocol, { path: '/in-the-body', signal }),
        ask(front, protocol, {
          path: '/in-the-request',
          method: 'POST',
          headers: ['content-length', '99'],
          body: 'part',
          unfinished: true,
          signal,
        }),
      ].map((one) => one.catch(() => 'left'))
      await seen.promise
      while (origin.calls.length < 3) await seen.promise.then(() => new Promise(setImmediate))
      leaving.abort()
      await Promise.all(asking)
      await origin.ended()
      t.same(
        front.pool.stats().map(({ active }) => active),
        [0],
      )
      await origin.close()
    },
  )

  await t.test(`${protocol}: an answer before the request is whole reaches the visitor`, async (t) => {
    const origin = await startOrigin(t, ({ socket }) => socket.end(plain('no', 'HTTP/1.1 401 Unauthorized')))
    const front = await startFront(t, { upstreams: [origin.port] })
    const body = [Buffer.alloc(300_000, 'a'), Buffer.alloc(300_000, 'b')]
    const headers = ['content-length', '900000']
    const got = await ask(front, protocol, { method: 'POST', headers, body, unfinished: true })
    t.equal(got.status, 401)
    t.equal(got.body.toString(), 'no')
    t.ok(got.whole)
  })

  await t.test(`${protocol}: an event stream is not held up, and outlives silence`, async (t) => {
    let stream: net.Socket | undefined
    const origin = await startOrigin(t, ({ socket, lines }) => {
      if (!lines[0]?.includes('/events')) return
      stream = socket
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    })
    const front = await startFront(t, { upstreams: [origin.port], classify: () => IMPATIENT })
    const events = ask(front, protocol, { path: '/events' })
    const other = await ask(front, protocol, { path: '/hang' })
    t.equal(other.status, 504, 'silent for longer than an ordinary request may be')
    stream?.write('9\r\ndata: 1\n\n\r\n0\r\n\r\n')
    const got = await events
    t.equal(got.body.toString(), 'data: 1\n\n')
    t.ok(got.whole)
  })
}

await t.test('an answer that begins before a slow upload ends may take as long as that', async (t) => {
  const origin = await startOrigin(t, async (call) => {
    call.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    await call.until('0\r\n\r\n')
    call.socket.write('2\r\nok\r\n0\r\n\r\n')
  })
  const front = await startFront(t, {
    upstreams: [origin.port],
    classify: ({ target }) => ({ ...IMPATIENT, bodyMs: target === '/upload' ? 10_000 : 300 }),
  })
  const upload = http.request({ port: front.http, path: '/upload', method: 'POST', headers: { Host: 'a' } })
  upload.write('one')
  const [response] = (await once(upload, 'response')) as [http.IncomingMessage]
  const stalled = await ask(front, 'HTTP/1.1', { method: 'POST', body: 'part', unfinished: true })
  t.equal(stalled.status, 200, 'it has the head')
  t.notOk(stalled.whole, 'time enough has passed for an ordinary request to be cut')
  upload.end('two')
  const chunks = await response.toArray()
  t.equal(Buffer.concat(chunks).toString(), 'ok')
})

await t.test('the head of a silent stream is shown at once', async (t) => {
  const origin = await startOrigin(t, ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
  )
  const front = await startFront(t, { upstreams: [origin.port] })
  const text = await sendRaw(front, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (sofar) => sofar.includes('\r\n\r\n'))
  t.match(text, /^HTTP\/1\.1 200 OK/)
})

await t.test('an upstream that keeps its connection open after Connection: close holds nobody up', async (t) => {
  const origin = await startOrigin(t, ({ socket }) => socket.write(plain('ok', 'HTTP/1.1 200 OK\r\nConnection: close')))
  const front = await startFront(t, { upstreams: [origin.port] })
  for (let i = 0; i < 3; i++) t.equal((await ask(front, 'HTTP/1.1')).body.toString(), 'ok')
  t.equal(origin.calls.length, 3)
})

await t.test('HTTP/1.0 visitors get no chunks, no 1xx and no trailers', async (t) => {
  const origin = await startOrigin(t, ({ socket }) =>
    socket.write(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n' +
        '2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    ),
  )
  const front = await startFront(t, { upstreams: [origin.port] })
  const text = await sendRaw(front, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', () => false)
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(text, /\r\n\r\nok$/)
  t.notMatch(text, /x-sum|chunked/i)
})

await t.test('a reader who stops takes little from the upstream', async (t) => {
  const chunk = Buffer.alloc(64 * 1024)
  let taken = 0
  const origin = await startOrigin(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n')
    const pump = (): void => {
      while (taken < 64 * 1024 * 1024) {
        taken += chunk.length
        if (!socket.write(chunk)) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
  })
  const front = await startFront(t, { upstreams: [origin.port] })
  const reader = net.connect(front.http, '127.0.0.1')
  reader.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(reader, 'readable')
  let before = -1
  while (before !== taken) {
    before = taken
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.ok(taken < 16 * 1024 * 1024, `${taken} bytes were taken`)
  reader.destroy()
  await origin.ended()
})
