import { get, type IncomingMessage } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { AdminEvent } from '../../src/admin/contracts.ts'
import { relayEvents } from '../../src/admin/relay.ts'
import { edgeChannel } from '../../src/events.ts'
import { askJson, startAdmin } from './start.ts'

type Teardown = { teardown(end: () => void): unknown }

/** Reads `/events` until this was read. @returns all text so far. */
async function readUntil(response: IncomingMessage, wanted: string): Promise<string> {
  const chunks: string[] = []
  let tail = ''
  for await (const chunk of response.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    chunks.push(chunk)
    tail = tail.slice(-wanted.length) + chunk
    if (tail.includes(wanted)) return chunks.join('')
  }
  throw new Error(`the stream ended after: ${chunks.join('')}`)
}

async function follow(t: Teardown, url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = get(`${url}/events`, { agent: false, headers }, resolve).once('error', reject)
  t.teardown(() => request.destroy())
  const response = await promise
  // The connection may be cut: that is what some of these tests are about.
  response.on('error', () => {})
  return response
}

const certificate = { issuer: 'local', durationMs: 1, reason: undefined }
const obtained = (name: string): void => edgeChannel('certificate').publish({ ...certificate, name, phase: 'obtained' })

const base = { timeMs: 1, process: 'worker-1' }
const fault = (i: number, detail: string): AdminEvent => {
  return { ...base, type: 'fault', area: 'test', message: 'm', code: String(i), detail }
}

await t.test('what happened before, then what happens', async (t) => {
  const { url } = await startAdmin(t)
  obtained('first.example')
  const response = await follow(t, url)
  t.match(response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const reading = readUntil(response, 'second.example')
  obtained('second.example')
  const frames = (await reading).trimEnd().split('\n\n')
  t.equal(frames[0], 'retry: 2000')
  t.match(frames[1], /^id: \d+-1\nevent: certificate\ndata: \{.*"name":"first\.example".*\}$/)
  const { timeMs, ...event } = JSON.parse(frames[2]?.split('data: ')[1] ?? '') as AdminEvent
  t.ok(Math.abs(Date.now() - timeMs) < 60_000)
  t.same(event, {
    process: 'worker-1',
    type: 'certificate',
    phase: 'obtained',
    name: 'second.example',
    issuer: 'local',
  })
})

await t.test('who comes back is told only what it missed', async (t) => {
  const { url } = await startAdmin(t)
  for (const name of ['one', 'two', 'three']) obtained(`${name}.example`)
  const all = await readUntil(await follow(t, url), 'three')
  const id = /id: (\S+)\n.*\n.*two\.example/.exec(all)?.[1] ?? ''
  const missed = await readUntil(await follow(t, url, { 'last-event-id': id }), 'three')
  t.notMatch(missed, /one\.example|two\.example/)
  const other = await follow(t, url, { 'last-event-id': '1-2' })
  t.match(await readUntil(other, 'three'), 'one.example', 'an id of another process says nothing')
})

await t.test('a flood of one type does not push out another, and memory is bounded', async (t) => {
  const { emit, url } = await startWithEmitter(t)
  emit(fault(0, 'rare'))
  for (let i = 0; i < 500; i += 1) emit({ ...base, type: 'handshake', outcome: 'refused', name: `n${i}.example` })
  const text = await readUntil(await follow(t, url), 'n499')
  t.match(text, 'rare')
  t.equal(text.split('event: handshake').length - 1, 50)
})

await t.test('the number of clients is bounded', async (t) => {
  const { url } = await startAdmin(t)
  const clients = await Promise.all(Array.from({ length: 16 }, () => follow(t, url)))
  t.match(await askJson(`${url}/events`), { status: 503, body: { code: 'EDGE_ERR_ADMIN_TOO_MANY_CLIENTS' } })
  clients[0]?.destroy()
  const deadline = Date.now() + 5000
  let status = 503
  while (status === 503 && Date.now() < deadline) {
    const response = await follow(t, url)
    status = response.statusCode ?? 0
    response.resume()
  }
  t.equal(status, 200, 'one that leaves makes room')
})

await t.test('a client that does not read is dropped, one that reads is not', async (t) => {
  const { emit, url } = await startWithEmitter(t)
  const slow = await follow(t, url)
  slow.pause()
  const fast = await follow(t, url)
  let received = 0
  fast.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  const detail = 'x'.repeat(100_000)
  // Far more than the kernel's buffers of both ends hold.
  for (let i = 1; i <= 300; i += 1) {
    emit(fault(i, detail))
    while (received < i * detail.length && !fast.destroyed) await nextTurn()
  }
  emit(fault(301, 'the last'))
  t.ok(received >= 300 * detail.length)
  await t.rejects(readUntil(slow, 'the last'), 'it was cut')
})

await t.test('closing ends the streams', async (t) => {
  const { app, url } = await startAdmin(t)
  const response = await follow(t, url)
  const ended = readUntil(response, 'never')
  await app.close()
  await t.rejects(ended, /the stream ended/)
})

await t.test('what a process relays is small, plain and limited', async (t) => {
  const events: AdminEvent[] = []
  const stop = relayEvents('worker-2', (event) => events.push(event))
  t.teardown(stop)
  const handshake = { name: undefined, resumed: false, durationMs: 1, address: '203.0.113.9', reason: 'no server name' }
  edgeChannel('handshake').publish({ ...handshake, outcome: 'memory' })
  edgeChannel('fault').publish({ area: 'x', message: 'y', error: new Error('z'.repeat(10_000)) })
  edgeChannel('purge').publish({ names: Array.from({ length: 1000 }, String), entries: 1, durationMs: 1 })
  t.match(events, [
    { process: 'worker-2', type: 'fault', area: 'x', message: 'y', code: 'Error', detail: /^z{500}$/ },
    { type: 'purge', names: { length: 20 }, nameCount: 1000, entries: 1 },
  ])
  t.same(JSON.parse(JSON.stringify(events)), events)
  for (let i = 0; i < 100; i += 1) edgeChannel('handshake').publish({ ...handshake, outcome: 'refused' })
  t.equal(events.length, 20)
})

/** An admin API whose events come from here, not from the channels with their limit. */
async function startWithEmitter(t: Parameters<typeof startAdmin>[0]) {
  let emit: (event: AdminEvent) => void = () => {}
  const { url } = await startAdmin(t, {
    onEvent: (listener) => {
      emit = listener
      return () => {}
    },
  })
  return { url, emit }
}
