import type { Socket } from 'node:net'
import { edgeChannel } from '../events.ts'
import type { Connection, ReadyAnswer, RequestHead } from '../request.ts'
import { renderAnswerHead } from './answer-head.ts'
import type { CommonHeaders } from './common-headers.ts'
import type { Guard } from './guard.ts'
import { endWhenIdle } from './last-answer.ts'
import { KEEP_ALIVE_MS } from './parser.ts'
import { readPlainHead, type PlainHead } from './plain-head.ts'
import type { Receiver } from './receive.ts'

/**
 * The express lane: answers what is in memory to requests of HTTP/1.1 that need no care, before node:http makes its five objects for each. A
 * connection begins here, and leaves for good with the first request that is anything else: node:http has it then, with that request.
 */
export type Express = {
  take(socket: Socket, connection: Connection): void
  /** Every connection leaves, and those that come leave at once. */
  close(): void
}

export type ExpressOptions<Found> = {
  receive: Receiver
  guard: Guard
  lookup(head: RequestHead): Found | undefined
  compose(carrier: Carrier, found: Found, common: CommonHeaders): ReadyAnswer | undefined
  common: CommonHeaders
  /** @param rest bytes that were read and are not answered. */
  leave(socket: Socket, rest: Buffer): void
  /** A connection that has sent nothing in time. */
  late(socket: Socket): void
  /** How long a connection has for its first head. */
  headMs: number
}

type Carrier = { readonly head: RequestHead; cache: 'HIT'; cacheStatus: string | undefined }
type Reply = {
  readonly carrier: Carrier
  readonly answer: ReadyAnswer
  readonly text: string
  readonly startedMs: number
}

/** Larger bodies take longer than one write, and node:http counts them among what a drain waits for. */
const MAX_BODY_BYTES = 128 * 1024
/** One write costs less than two, and a copy of so much costs nearly nothing. */
const COPIED_BYTES = 16 * 1024
/** How long a visitor may take nothing of an answer. */
const SEND_MS = 30_000
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1000}\r\n`
const NOTHING = Buffer.alloc(0)

const requests = edgeChannel('request')

export function createExpress<Found>(options: ExpressOptions<Found>): Express {
  const passengers = new Set<Passenger<Found>>()
  let isClosed = false
  return {
    take(socket, connection) {
      if (isClosed) options.leave(socket, NOTHING)
      else passengers.add(new Passenger(socket, connection, options, passengers))
    },
    close() {
      isClosed = true
      for (const passenger of passengers) passenger.leave()
    },
  }
}

/** One connection while it is in the lane. */
class Passenger<Found> {
  readonly #socket: Socket
  readonly #connection: Connection
  readonly #options: ExpressOptions<Found>
  readonly #all: Set<Passenger<Found>>
  /** Answers that the socket has not let go of yet, in order. */
  readonly #unsent: Reply[] = []
  /** What came behind an answer that its visitor is slow to take. */
  #rest: Buffer = NOTHING
  #isFirst = true

  constructor(socket: Socket, connection: Connection, options: ExpressOptions<Found>, all: Set<Passenger<Found>>) {
    this.#socket = socket
    this.#connection = connection
    this.#options = options
    this.#all = all
    socket.setTimeout(options.headMs)
    socket.on('data', this.#onData).on('drain', this.#onDrain).on('timeout', this.#onTimeout)
    socket.on('end', this.#onEnd).on('close', this.#onClose).on('error', ignore)
  }

  /** Gives the connection to node:http. */
  leave(): void {
    const socket = this.#socket
    const rest = this.#rest
    this.#part()
    socket.setTimeout(0)
    if (socket.isPaused()) socket.resume()
    this.#options.leave(socket, rest)
  }

  #part(): void {
    this.#all.delete(this)
    this.#rest = NOTHING
    const socket = this.#socket
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('timeout', this.#onTimeout)
    socket.off('end', this.#onEnd).off('close', this.#onClose).off('error', ignore)
  }

  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket
    let at = 0
    while (at < chunk.length && socket.writable) {
      const length = this.#answer(chunk, at)
      if (length === 0) {
        this.#rest = chunk.subarray(at)
        this.leave()
        return
      }
      at += length
      if (!socket.writableNeedDrain) continue
      this.#rest = chunk.subarray(at)
      socket.pause()
      socket.setTimeout(SEND_MS)
      return
    }
  }

  readonly #onDrain = (): void => {
    const socket = this.#socket
    if (!socket.isPaused()) return
    socket.setTimeout(KEEP_ALIVE_MS)
    socket.resume()
    const rest = this.#rest
    this.#rest = NOTHING
    this.#onData(rest)
  }

  readonly #onTimeout = (): void => {
    const socket = this.#socket
    if (socket.writableLength > 0) socket.destroy()
    else if (this.#isFirst) {
      this.#part()
      this.#options.late(socket)
    } else endWhenIdle(socket)
  }

  readonly #onEnd = (): void => void this.#socket.end()

  readonly #onClose = (): void => this.#part()

  /** @returns the length of the request, or 0 when it is not answered here. */
  #answer(chunk: Buffer, at: number): number {
    const plain = readPlainHead(chunk, at)
    if (plain === undefined) return 0
    const reply = this.#reply(plain)
    if (reply === undefined) return 0
    if (this.#isFirst) this.#socket.setTimeout(KEEP_ALIVE_MS)
    this.#isFirst = false
    this.#unsent.push(reply)
    this.#write(reply)
    return plain.length
  }

  /** What throws here throws there as well, and there a visitor gets a page for it. */
  #reply(plain: PlainHead): Reply | undefined {
    const { receive, guard, lookup, compose, common } = this.#options
    try {
      const startedMs = performance.now()
      const head = receive(plain, plain, this.#connection)
      if ('status' in head || guard(head) !== undefined) return undefined
      const found = lookup(head)
      if (found === undefined) return undefined
      const carrier: Carrier = { head, cache: 'HIT', cacheStatus: undefined }
      const answer = compose(carrier, found, common)
      if (answer === undefined || (answer.body?.length ?? 0) > MAX_BODY_BYTES) return undefined
      const text = renderAnswerHead(answer, KEEP_ALIVE)
      return text === undefined ? undefined : { carrier, answer, text, startedMs }
    } catch {
      return undefined
    }
  }

  #write({ text, answer: { body } }: Reply): void {
    const socket = this.#socket
    if (body === undefined) socket.write(text, 'latin1', this.#onSent)
    else if (body.length > COPIED_BYTES) {
      socket.cork()
      socket.write(text, 'latin1')
      socket.write(body, this.#onSent)
      socket.uncork()
    } else {
      const whole = Buffer.allocUnsafe(text.length + body.length)
      whole.write(text, 'latin1')
      body.copy(whole, text.length)
      socket.write(whole, this.#onSent)
    }
  }

  /** Called once for each answer, in their order. */
  readonly #onSent = (error?: Error | null): void => {
    const reply = this.#unsent.shift()
    if (reply !== undefined) tell(reply, error !== undefined && error !== null)
  }
}

/** The last stage, `log`. */
function tell({ carrier: { head, cache }, answer: { status, body }, startedMs }: Reply, aborted: boolean): void {
  requests.publish({
    method: head.method,
    scheme: head.scheme,
    host: head.host,
    target: head.target,
    version: head.version,
    status,
    bytes: body?.length ?? 0,
    durationMs: performance.now() - startedMs,
    heldMs: undefined,
    cache,
    upstream: undefined,
    requestId: head.id,
    address: head.connection.address,
    reason: undefined,
    aborted,
    userAgent: head.headers['user-agent'],
    referrer: head.headers.referer,
  })
}

function ignore(): void {}
