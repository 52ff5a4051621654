import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ask } from '../integration/client.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { FLAG, SETTING, TYPE, type Field } from './frames.ts'
import { data, HOST, post, request, settings, settingsPayload, settled, windowUpdate } from './row.ts'
import { openWire, type Wire } from './wire.ts'

const BODY = 'a'.repeat(100)

const held: ServerResponse[] = []
const origin = createServer((request, response) => {
  if (request.url?.startsWith('/hold') === true) {
    held.push(response)
    origin.emit('held')
  } else if (request.url === '/headers') {
    response.end(JSON.stringify(request.rawHeaders))
  } else {
    response.writeHead(200, [
      'Connection',
      'X-Hop',
      'Keep-Alive',
      'timeout=5',
      'X-Hop',
      '1',
      'X-Twice',
      'a',
      'X-Twice',
      'b',
    ])
    response.end(BODY)
  }
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
t.teardown(() => {
  origin.close()
  origin.closeAllConnections()
})
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--host', HOST],
  directory: temporaryDirectory(t),
})
const options = { port: edge.https, host: HOST, ca: edge.ca }

function bodyOf(wire: Wire, stream: number): string {
  const frames = wire.frames.filter(({ type, stream: of }) => type === TYPE.DATA && of === stream)
  return Buffer.concat(frames.map(({ payload }) => payload)).toString()
}

/** Resolves when the app has that many requests in hand. */
async function holding(count: number): Promise<void> {
  while (held.length < count) await once(origin, 'held')
}

await t.test('the edge announces its limits', async (t) => {
  const wire = await openWire(options)
  const [first] = wire.frames
  const announced = new Map<number, number>()
  const { payload } = first ?? { payload: Buffer.alloc(0) }
  for (let i = 0; i < payload.length; i += 6) announced.set(payload.readUInt16BE(i), payload.readUInt32BE(i + 2))
  t.equal(first?.type, TYPE.SETTINGS, 'in the first frame')
  t.equal(announced.get(SETTING.MAX_CONCURRENT_STREAMS), 128)
  t.equal(announced.get(SETTING.INITIAL_WINDOW_SIZE), 1024 * 1024)
  t.equal(announced.get(SETTING.MAX_HEADER_LIST_SIZE), 32 * 1024)
  wire.destroy()
})

await t.test('5.1.2: as many streams as announced, and no more', async (t) => {
  const wire = await openWire(options)
  // Each another page: equal ones would be one request to the app.
  for (let i = 0; i < 128; i++) wire.send(request(2 * i + 1, { path: `/hold?${i}` }))
  await holding(128)
  for (const response of held.splice(0)) response.end()
  for (let i = 0; i < 128; i++) if ((await wire.outcome(2 * i + 1)) !== '200') t.fail(`stream ${2 * i + 1}`)
  for (let i = 128; i < 256; i++) wire.send(request(2 * i + 1, { path: `/hold?${i}` }))
  await holding(128)
  wire.send(request(513))
  // An error of the stream would do; 5.4.1 allows to end the connection of who ignores what was agreed.
  t.equal(await wire.outcome(513), 'connection PROTOCOL_ERROR')
  held.length = 0
})

await t.test('6.9.1: an answer waits for the window of its stream', async (t) => {
  const wire = await openWire(options, settingsPayload([SETTING.INITIAL_WINDOW_SIZE, 10]))
  wire.send(request(1))
  await wire.find(({ type }) => type === TYPE.DATA)
  await settled(wire, 'no more1')
  t.equal(bodyOf(wire, 1).length, 10)
  wire.send(windowUpdate(1, 5))
  await wire.find(() => bodyOf(wire, 1).length >= 15)
  await settled(wire, 'no more2')
  t.equal(bodyOf(wire, 1).length, 15)
  // 6.9.2: a smaller initial window makes that of a stream negative; it must be made up for first.
  wire.send(settings([SETTING.INITIAL_WINDOW_SIZE, 0]), windowUpdate(1, 10))
  await settled(wire, 'no more3')
  t.equal(bodyOf(wire, 1).length, 15)
  wire.send(windowUpdate(1, 1000))
  t.equal(await wire.outcome(1), '200')
  t.equal(bodyOf(wire, 1), BODY)
  wire.destroy()
})

await t.test('6.9.1: a body that overruns the window that it was given', async (t) => {
  const wire = await openWire(options)
  wire.send(post(1, { path: '/hold' }))
  const piece = data(1, Buffer.alloc(16_384), FLAG.NONE)
  for (let i = 0; i < 2048; i++) wire.send(piece)
  // What is still on its way when the edge closes can cost us its GOAWAY.
  t.match(await wire.outcome(), /^(connection FLOW_CONTROL_ERROR|closed)$/)
  held.length = 0
})

await t.test('8.1: an answer to a body that nobody reads is whole before the stream is reset', async (t) => {
  const wire = await openWire(options)
  for (const [stream, options] of [
    [1, { path: '/#refused' }],
    [3, { method: 'TRACE' }],
  ] as const) {
    wire.send(post(stream, options), data(stream, 'begun', FLAG.NONE))
    t.match(await wire.outcome(stream), /^40[05]$/)
    const { payload } = await wire.find(({ type, stream: of }) => type === TYPE.RST_STREAM && of === stream)
    t.equal(payload.readUInt32BE(0), 0, 'NO_ERROR')
  }
  wire.send(request(5))
  t.equal(await wire.outcome(5), '200', 'the connection goes on')
  wire.destroy()
})

await t.test('the app gets a request as HTTP/1.1 has it', async (t) => {
  const wire = await openWire(options)
  const extra: readonly Field[] = [
    ['cookie', 'a=1'],
    ['te', 'trailers'],
    ['cookie', 'b=2'],
    ['x-text', 'caf\xe9: au lait'],
    ['x space', 'no'],
    ['x:colon', 'no'],
    ['x\r\nsmuggled', 'no'],
    ['x-lf', 'a\nsmuggled: no'],
    ['x-cr', 'a\rsmuggled: no'],
    ['x-nul', 'a\0no'],
    ['x-last', 'yes'],
  ]
  wire.send(request(1, { path: '/headers', extra }))
  t.equal(await wire.outcome(1), '200')
  const seen = JSON.parse(bodyOf(wire, 1)) as string[]
  const names = seen.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
  const value = (name: string): string | undefined => seen[2 * names.indexOf(name) + 1]
  t.equal(value('host'), HOST)
  t.equal(value('cookie'), 'a=1; b=2', '8.2.3: crumbs are joined')
  t.equal(names.filter((name) => name === 'cookie').length, 1)
  t.equal(value('x-text'), 'caf\xe9: au lait')
  t.equal(value('x-last'), 'yes')
  t.notOk(names.includes('te'))
  t.notMatch(seen.join('\n'), /smuggled|no$/m, 'no field that is none gets through')
  wire.destroy()
})

await t.test('the visitor gets an answer as HTTP/2 has it', async (t) => {
  const answer = await ask({ ...options, protocol: 'h2' })
  t.equal(answer.text, BODY)
  t.equal(answer.headers['x-twice'], 'a, b')
  for (const name of ['connection', 'keep-alive', 'x-hop', 'transfer-encoding']) t.notOk(name in answer.headers, name)
})

await t.test('6.8: an edge that drains says so, and finishes what is under way', async (t) => {
  const wire = await openWire(options)
  wire.send(request(1, { path: '/hold' }))
  await holding(1)
  const stopped = edge.stop()
  const { payload } = await wire.find(({ type }) => type === TYPE.GOAWAY)
  t.equal(payload.readUInt32BE(4), 0, 'NO_ERROR')
  held[0]?.end('late')
  t.equal(await wire.outcome(1), '200')
  t.equal(bodyOf(wire, 1), 'late')
  await wire.closed()
  t.equal(await stopped, 0)
})
