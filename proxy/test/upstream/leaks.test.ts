import net from 'node:net'
import t from 'tap'
import { startFront } from './front.ts'
import { plain, startOrigin } from './origin.ts'
import { ask } from './visitor.ts'

const ANSWERS = [
  plain('whole'),
  plain('x'.repeat(300_000)),
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf',
  'HTTP/1.1 20',
  'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n',
  'HTTP/1.1 500 Oh\r\nContent-Length: 9999999\r\n\r\nx',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi',
]

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nabc',
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nmore',
]

await t.test('transfers that either side ends at any point leave nothing behind', { timeout: 20_000 }, async (t) => {
  let count = 0
  const origin = await startOrigin(t, ({ socket }) => {
    const answer = ANSWERS[count % ANSWERS.length] ?? ''
    const ending = Math.floor(count++ / ANSWERS.length) % 3
    if (ending === 0) socket.end(answer)
    else socket.write(answer, () => ending === 1 && socket.resetAndDestroy())
  })
  const front = await startFront(t, {
    upstreams: [origin.port],
    classify: () => ({ sendMs: 50, readMs: 50, bodyMs: 50, maxBodyBytes: 100_000 }),
  })
  /** Leaves once something came back, or when the front ends the connection. */
  const visit = (request: string, leave: 'destroy' | 'resetAndDestroy' | 'end'): Promise<void> =>
    new Promise((resolve) => {
      const socket = net.connect(front.http, '127.0.0.1')
      socket.on('error', () => {})
      socket.once('data', () => socket[leave]())
      socket.once('close', () => resolve())
      socket.write(request)
    })
  for (let round = 0; round < ANSWERS.length * 3; round++) {
    const leave = (['destroy', 'resetAndDestroy', 'end'] as const)[round % 3] ?? 'end'
    const visits: Promise<unknown>[] = REQUESTS.map((request) => visit(request, leave))
    visits.push(ask(front, 'HTTP/2', { signal: AbortSignal.timeout(5) }).catch(() => 'left'))
    visits.push(ask(front, 'HTTP/2', { method: 'POST', body: 'part', unfinished: true }).catch(() => 'cut'))
    await Promise.all(visits)
  }
  while (front.pool.stats().some(({ active }) => active > 0)) await new Promise(setImmediate)
  await front.pool.close()
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  while (sockets() > 0) await new Promise(setImmediate)
  t.ok(count > 100, `${count} requests reached the upstream`)
})
