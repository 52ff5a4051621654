import { once } from 'node:events'
import http2, { type ClientHttp2Session } from 'node:http2'
import net from 'node:net'
import t from 'tap'
import { pollUntil } from '../until.ts'
import { startOrigin, type Call } from '../upstream/origin.ts'
import { startEdge } from './edge.ts'
import { workerOf } from './worker.ts'

const MB = 1024 * 1024
const HOST = 'app.localhost'
const AT_ONCE = 24
/** Of all ways to leave: 1,080 transfers. */
const ROUNDS = 5
/** Garbage that is not collected yet included; 1,000 transfers that left 64 KB each would be as much. */
const GROWTH_BYTES = 64 * MB
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'

/** A point of a transfer at which the visitor leaves. */
type Phase = {
  readonly name: string
  readonly method: 'GET' | 'POST'
  readonly fields?: readonly string[]
  /** What the app does. */
  app?(call: Call): unknown
  /** What of its answer the visitor waits for; without it, for the app to have the request, and what came of its body. */
  readonly awaited?: string
}

const PHASES: readonly Phase[] = [
  { name: 'before the head', method: 'GET' },
  {
    name: 'in the body',
    method: 'GET',
    app: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf'),
    awaited: 'half',
  },
  { name: 'in an upload', method: 'POST', fields: ['content-length', '99'] },
  {
    name: 'in both bodies',
    method: 'POST',
    fields: ['content-length', '99'],
    app: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
    awaited: 'half',
  },
]
const TUNNEL: Phase = {
  name: 'in a tunnel',
  method: 'GET',
  fields: ['connection', 'upgrade', 'upgrade', 'chat'],
  app: ({ socket }) => socket.write(`${SWITCHED}half`),
  awaited: 'half',
}

const arrivals = new Map<string, (call: Call) => void>()
const origin = await startOrigin(t, (call) => {
  const [, path = ''] = call.lines[0]?.split(' ') ?? []
  arrivals.get(path)?.(call)
})
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${origin.port}`, '--host', HOST],
  directory: t.testdir(),
})
const worker = await workerOf(edge)
let last = 0

/** What the app sees of one transfer: a path by which it knows it, and when it has come as far as the visitor waits for. */
function expectCall({ app, method }: Phase): { path: string; arrived: Promise<void> } {
  const path = `/${++last}`
  const { promise, resolve } = Promise.withResolvers<Call>()
  arrivals.set(path, resolve)
  const arrived = promise.then(async (call) => {
    app?.(call)
    if (method === 'POST') await call.until('part')
  })
  return { path, arrived }
}

async function leaveHttp1(phase: Phase): Promise<void> {
  const { path, arrived } = expectCall(phase)
  const socket = net.connect(edge.http, '127.0.0.1')
  const { method, fields = [], awaited } = phase
  const lines = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}`] : []))
  socket.write(
    [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`, ...lines, '', method === 'POST' ? 'part' : ''].join('\r\n'),
  )
  await arrived
  if (awaited !== undefined) await read(socket, awaited)
  socket.destroy()
  await once(socket, 'close')
}

/** Reads until this has come. */
async function read(socket: net.Socket, text: string): Promise<void> {
  let received = ''
  while (!received.includes(text)) received += String(await once(socket, 'data'))
}

async function openSession(): Promise<ClientHttp2Session> {
  const session = http2.connect(`https://127.0.0.1:${edge.https}`, { servername: HOST, ca: edge.ca })
  await once(session, 'connect')
  return session
}

async function leaveHttp2(session: ClientHttp2Session, phase: Phase): Promise<void> {
  const { path, arrived } = expectCall(phase)
  const { method, fields = [], awaited } = phase
  const pseudo = [':method', method, ':path', path, ':authority', HOST, ':scheme', 'https']
  const stream = session.request([...pseudo, ...fields], { endStream: method === 'GET' })
  stream.on('error', () => {})
  if (method === 'POST') stream.write('part')
  await arrived
  if (awaited !== undefined) await once(stream, 'data')
  stream.close(http2.constants.NGHTTP2_CANCEL)
}

/** Many visitors come as far as the phase says and leave; resolves once the app has seen the last of them go. */
async function leaveInHttp1(phase: Phase): Promise<void> {
  await Promise.all(Array.from({ length: AT_ONCE }, () => leaveHttp1(phase)))
  await origin.ended()
}

async function leaveInHttp2(phase: Phase): Promise<void> {
  const session = await openSession()
  await Promise.all(Array.from({ length: AT_ONCE }, () => leaveHttp2(session, phase)))
  await origin.ended()
  session.destroy()
  await once(session, 'close')
}

// Before any visitor came.
const descriptors = worker.descriptors()

for (const phase of [...PHASES, TUNNEL]) {
  await t.test(`HTTP/1.1: who leaves ${phase.name} leaves nothing at the app`, { timeout: 10_000 }, async (t) => {
    await leaveInHttp1(phase)
    t.equal(origin.calls.length, last, 'nothing was asked again')
  })
}

for (const phase of PHASES) {
  await t.test(`HTTP/2: who cancels ${phase.name} leaves nothing at the app`, { timeout: 10_000 }, async (t) => {
    await leaveInHttp2(phase)
    t.equal(origin.calls.length, last, 'nothing was asked again')
  })
}

await t.test('a thousand transfers that were cut leave neither descriptors nor memory behind', async (t) => {
  const before = worker.residentBytes()
  const first = last
  for (let round = 0; round < ROUNDS; round++) {
    for (const phase of [...PHASES, TUNNEL]) await leaveInHttp1(phase)
    for (const phase of PHASES) await leaveInHttp2(phase)
  }
  t.equal(origin.calls.length, last, 'nothing was asked again')
  // The pool closes connections that it opened in advance after a few seconds.
  await pollUntil(() => worker.descriptors() === descriptors)
  const grown = worker.residentBytes() - before
  t.ok(grown < GROWTH_BYTES, `${last - first} transfers: grew by ${Math.round(grown / MB)} MB`)
  t.comment(`${last - first} transfers: ${descriptors} descriptors, ${Math.round(grown / MB)} MB more`)
})
