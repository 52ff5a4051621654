import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ask } from '../integration/client.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { FLAG, frame, hpack, SETTING, TYPE } from './frames.ts'
import { block, data, HOST, OPEN, ping, post, priority, request, reset, settings, settingsPayload } from './row.ts'
import { openWire } from './wire.ts'

/** What a flood may cost the process that takes it. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024
const BIG = Buffer.alloc(4 * 1024 * 1024, 'blot')

let asked = 0
const open = new Set<ServerResponse>()
const origin = createServer((request, response) => {
  asked++
  open.add(response)
  response.on('close', () => open.delete(response))
  if (request.url === '/hold') return
  request.resume()
  if (request.url === '/big') response.end(BIG)
  else response.end('served')
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
const status = await ask({ port: edge.admin, host: '', authority: '127.0.0.1', protocol: 'http/1.1', path: '/status' })
const { processes } = JSON.parse(status.text) as { processes: { role: string; pid: number }[] }
const worker = processes.find(({ role }) => role === 'worker')?.pid ?? 0

/** Resident bytes of the worker. */
function memory(): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))?.[1]) * 1024
}

type Flood = {
  readonly name: string
  /** One piece of it. */
  piece(i: number): Buffer
  readonly pieces: number
  /** What the edge does about it; undefined where all of it is answered. */
  readonly expect: RegExp | undefined
  readonly settings?: Buffer
  /** The client reads no answers. */
  readonly deaf?: boolean
}

/** A field of 4,000 bytes for the dynamic table, and one byte for each use of it (RFC 7541 2.3.3). */
const bomb = Buffer.concat([
  block(),
  Buffer.from([0x40]),
  hpack([['bomb', 'a'.repeat(3900)]]).subarray(1),
  Buffer.alloc(4000, 0xbe),
])

const floods: readonly Flood[] = [
  {
    name: 'requests that are reset at once',
    piece: (i) => Buffer.concat([request(2 * i + 1, { path: '/hold' }), reset(2 * i + 1)]),
    pieces: 20_000,
    expect: /^(connection|closed)/,
  },
  {
    name: 'requests that make the edge reset them',
    piece: (i) => Buffer.concat([post(2 * i + 1, { path: '/hold' }), post(2 * i + 1, { pseudo: [['x', 'y']] })]),
    pieces: 5000,
    expect: /^(connection|closed)/,
  },
  {
    name: 'more streams than allowed',
    piece: (i) => request(2 * i + 1, { path: '/hold' }),
    pieces: 5000,
    expect: /^(connection|closed|stream REFUSED_STREAM)/,
  },
  {
    name: 'CONTINUATION without end',
    piece: (i) =>
      i === 0
        ? frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block())
        : frame(TYPE.CONTINUATION, FLAG.NONE, 1, hpack([[`x-${i}`, 'y'.repeat(1000)]])),
    pieces: 20_000,
    expect: /^(connection|closed)/,
  },
  {
    name: 'empty CONTINUATION without end',
    piece: (i) => (i === 0 ? frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()) : frame(TYPE.CONTINUATION, FLAG.NONE, 1)),
    pieces: 50_000,
    expect: /^(connection|closed)/,
  },
  {
    name: 'a header block that unfolds to 16 MB',
    piece: () => frame(TYPE.HEADERS, OPEN | FLAG.END_STREAM, 1, bomb),
    pieces: 1,
    expect: /^stream ENHANCE_YOUR_CALM/,
  },
  { name: 'SETTINGS', piece: () => settings(), pieces: 200_000, expect: /^(connection|closed)/, deaf: true },
  {
    name: 'one SETTINGS with thousands of values',
    piece: () =>
      frame(
        TYPE.SETTINGS,
        FLAG.NONE,
        0,
        settingsPayload(...Array.from({ length: 2000 }, () => [SETTING.ENABLE_PUSH, 0] as const)),
      ),
    pieces: 1,
    expect: /^connection ENHANCE_YOUR_CALM/,
  },
  { name: 'PING', piece: () => ping(), pieces: 200_000, expect: /^(connection|closed)/, deaf: true },
  { name: 'PRIORITY', piece: (i) => priority(2 * i + 1), pieces: 50_000, expect: /^(connection|closed)/ },
  {
    name: 'empty DATA',
    piece: (i) => (i === 0 ? post(1, { path: '/hold' }) : data(1, '', FLAG.NONE)),
    pieces: 50_000,
    expect: /^(connection|closed)/,
  },
  {
    name: 'large answers that nobody takes',
    piece: (i) => request(2 * i + 1, { path: '/big' }),
    pieces: 100,
    expect: undefined,
    settings: settingsPayload([SETTING.INITIAL_WINDOW_SIZE, 0]),
  },
]

async function isServed(): Promise<boolean> {
  const answer = await ask({ ...options, protocol: 'h2' })
  return answer.text === 'served'
}

for (const { name, piece, pieces, expect, settings: payload, deaf = false } of floods) {
  await t.test(`a flood of ${name}`, async (t) => {
    t.ok(await isServed())
    asked = 0
    const before = memory()
    const wire = await openWire(options, payload)
    if (deaf) wire.pause()
    for (let i = 0; i < pieces; i += 100) {
      wire.send(...Array.from({ length: Math.min(100, pieces - i) }, (_, k) => piece(i + k)))
    }
    t.ok(await isServed(), 'others are served meanwhile')
    wire.resume()
    if (expect === undefined) await wire.find(({ type, stream }) => type === TYPE.HEADERS && stream === 2 * pieces - 1)
    else t.match(await wire.outcome(), expect)
    t.ok(await isServed(), 'others are served afterwards')
    const growth = memory() - before
    t.ok(growth < MAX_GROWTH_BYTES, `it costs ${Math.round(growth / 1e6)} MB`)
    wire.destroy()
    await idle()
    t.ok(asked < 1000, `the app saw ${asked} requests`)
  })
}

/** Resolves when the app has no request any more: what a flood began is ended. */
async function idle(): Promise<void> {
  const deadline = performance.now() + 10_000
  while (open.size > 0) {
    if (performance.now() > deadline) throw new Error(`${open.size} requests are still under way at the app`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
