import type { ClientRequest, IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { failureOf, incidentOf } from './ask.ts'
import { Failure, outcomeOf, type Phase } from './outcomes.ts'
import { PATIENCE_MS } from './transport.ts'
import { pause, type Visitor } from './visitor.ts'

const PAUSE_MS = 250
/** What a browser's page does before it connects again. */
const RECONNECT_MS = 100

/** A socket, what has come over it and was not looked at yet, and its end. */
type Talk = {
  readonly socket: WebSocket
  readonly port: number
  readonly echoes: string[]
  readonly closed: Promise<void>
}

/** Sends messages until the load ends, each verified by its echo before the next; a socket that ends is opened anew. */
export async function converse(visitor: Visitor): Promise<void> {
  const { world, tally } = visitor
  while (!world.signal.aborted) {
    const beganMs = Date.now()
    try {
      const talk = await open(visitor)
      await exchange(talk, visitor)
      talk.socket.close()
      await within(talk.closed)
    } catch (error) {
      const failure = failureOf(error)
      tally.record(incidentOf(visitor, beganMs, failure, failure.unprocessed ? 'reconnect' : failure.outcome))
      await pause(visitor, RECONNECT_MS)
    }
  }
}

/** Rejects with a `Failure`: `unprocessed` when the socket ended while nothing was under way. */
async function exchange({ socket, port, echoes, closed }: Talk, visitor: Visitor): Promise<void> {
  const { world, tally, kind, nextId } = visitor
  const end = (outcome: Failure['outcome'], detail: string, unprocessed = false): never => {
    socket.terminate()
    throw new Failure(detail, { outcome, phase: 'open', port, reused: true, unprocessed })
  }
  while (!world.signal.aborted) {
    const message = nextId()
    const sentMs = performance.now()
    const echoed = new Promise((resolve) => socket.once('message', resolve))
    socket.send(message)
    if ((await within(Promise.race([echoed, closed]))) === 'timeout') end('timeout', 'no echo')
    if (echoes.length === 0) end('cut', 'the socket ended before an echo')
    if (echoes.length > 1) end('duplicate', echoes.join(', '))
    const [echo] = echoes.splice(0)
    if (echo !== message) end('wrongBody', `${echo} instead of ${message}`)
    tally.ok(kind, performance.now() - sentMs)
    await Promise.race([pause(visitor, PAUSE_MS), closed])
    if (socket.readyState !== WebSocket.OPEN) end('cut', 'the socket ended between messages', true)
    if (echoes.length > 0) end('duplicate', `${echoes.join(', ')} unasked`)
  }
}

async function open({ world, host, transport: { via } }: Visitor): Promise<Talk> {
  const isPlain = via === 'http'
  const url = isPlain ? `ws://127.0.0.1:${world.http}/echo` : `wss://127.0.0.1:${world.https}/echo`
  const where: { phase: Phase; port: number } = { phase: 'connect', port: 0 }
  const socket = new WebSocket(url, {
    headers: { host },
    perMessageDeflate: false,
    handshakeTimeout: PATIENCE_MS,
    finishRequest: (request) => follow(request, where),
    ...(isPlain ? {} : { servername: host, rejectUnauthorized: false }),
  })
  const echoes: string[] = []
  socket.on('message', (data: Buffer) => echoes.push(data.toString()))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    const fail = (outcome: Failure['outcome'], detail: string): void =>
      reject(new Failure(detail, { ...where, outcome, reused: false }))
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      response.destroy()
      fail('wrongStatus', String(response.statusCode))
    })
    socket.on('error', (error) => fail(outcomeOf(error, where.phase), error.message))
  })
  return { socket, port: where.port, echoes, closed }
}

function follow(request: ClientRequest, where: { phase: Phase; port: number }): void {
  request.once('socket', (socket) => {
    socket.once('connect', () => Object.assign(where, { phase: 'head', port: socket.localPort }))
  })
  request.end()
}

async function within(event: Promise<unknown>): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<'timeout'>()
  const timer = setTimeout(resolve, PATIENCE_MS, 'timeout')
  return Promise.race([event, promise]).finally(() => clearTimeout(timer))
}
