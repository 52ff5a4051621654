import type { Socket } from 'node:net'
import type { Carrier, Connection, ReadyAnswer, RequestHead } from '../request.ts'
import { renderAnswerHead } from './answer-head.ts'
import type { CommonHeaders } from './common-headers.ts'
import { tell, type Told } from './exchange.ts'
import type { Guard } from './guard.ts'
import { endWhenIdle } from './last-answer.ts'
import { readPlainHead, type PlainHead } from './plain-head.ts'
import type { Receiver } from './receive.ts'
import { KEEP_ALIVE_MS, SEND_MS } from './times.ts'

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
  lookupKept(head: RequestHead): Found | undefined
  compose(carrier: Carrier, found: Found, common: CommonHeaders): ReadyAnswer | undefined
  common: CommonHeaders
  /** Takes what leaves, with its bytes unread. @param isAnswered it has had answers. */
  leave(socket: Socket, isAnswered: boolean): void
  /** A connection that has sent nothing in time. */
  late(socket: Socket): void
  /** How long a connection has for its first head. */
  headMs: number
}

type Reply = {
  readonly told: Told
  readonly answer: ReadyAnswer
  readonly text: string
  readonly startedMs: number
}

/** Larger bodies take longer than one write, and node:http counts them among what a drain waits for. */
const MAX_BODY_BYTES = 128 * 1024
/** One write costs less than two, and a copy of so much costs nearly nothing. */
const COPIED_BYTES = 16 * 1024
/** As node:http has it: longer than answers say, so that a request in time does not meet the end of its connection. */
const IDLE_MS = KEEP_ALIVE_MS + 1000
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_MS / 1000}\r\n`

export function createExpress<Found>(options: ExpressOptions<Found>): Express {
  const passengers = new Set<Passenger<Found>>()
  let isClosed = false
  return {
    take(socket, connection) {
      if (isClosed) options.leave(socket, false)
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
  #isAnswered = false
  #isLeaving = false
  /** For so long that what is left is the rest of its idle time. */
  #isSilent = false

  constructor(socket: Socket, connection: Connection, options: ExpressOptions<Found>, all: Set<Passenger<Found>>) {
    this.#socket = socket
    this.#connection = connection
    this.#options = options
    this.#all = all
    socket.setTimeout(options.headMs)
    socket.on('data', this.#onData).on('drain', this.#onDrain).on('timeout', this.#onTimeout)
    socket.on('end', this.#onEnd).on('close', this.#part)
  }

  /** Gives the connection to node:http: at once, or with the end of what is being sent, of which that knows nothing. */
  leave(): void {
    const socket = this.#socket
    if (this.#unsent.length > 0) {
      this.#isLeaving = true
      socket.pause()
      return
    }
    this.#part()
    socket.setTimeout(0)
    socket.resume()
    this.#options.leave(socket, this.#isAnswered)
  }

  readonly #part = (): void => {
    this.#all.delete(this)
    const socket = this.#socket
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('timeout', this.#onTimeout)
    socket.off('end', this.#onEnd).off('close', this.#part)
  }

  readonly #onData = (chunk: Buffer): void => {
    const socket = this.#socket
    if (this.#isSilent) {
      this.#isSilent = false
      socket.setTimeout(SEND_MS)
    }
    let at = 0
    while (at < chunk.length && socket.writable) {
      const length = this.#answer(chunk, at)
      at += length
      const isFull = socket.writableNeedDrain && socket.writableLength > 0
      if (length > 0 && !isFull) continue
      // The stream keeps the bytes, and behind them the end that may have come.
      socket.pause()
      if (at < chunk.length) socket.unshift(at === 0 ? chunk : chunk.subarray(at))
      if (length === 0) this.leave()
      return
    }
  }

  readonly #onDrain = (): void => {
    if (!this.#isLeaving) this.#socket.resume()
  }

  readonly #onTimeout = (): void => {
    const socket = this.#socket
    if (socket.writableLength > 0) socket.destroy()
    else if (!this.#isAnswered) {
      this.#part()
      this.#options.late(socket)
    } else if (this.#isSilent) endWhenIdle(socket)
    else {
      this.#isSilent = true
      socket.setTimeout(IDLE_MS - SEND_MS)
    }
  }

  readonly #onEnd = (): void => void this.#socket.end()

  /** @returns the length of the request, or 0 when it is not answered here. */
  #answer(chunk: Buffer, at: number): number {
    const plain = readPlainHead(chunk, at)
    if (plain === undefined) return 0
    const reply = this.#reply(plain)
    if (reply === undefined) return 0
    if (!this.#isAnswered) this.#socket.setTimeout(SEND_MS)
    this.#isAnswered = true
    this.#unsent.push(reply)
    this.#write(reply)
    return plain.length
  }

  /** What throws here throws there as well, and there a visitor gets a page for it. */
  #reply(plain: PlainHead): Reply | undefined {
    const { receive, guard, lookupKept, compose, common } = this.#options
    try {
      const startedMs = performance.now()
      const head = receive(plain, plain, this.#connection)
      if ('status' in head || guard(head) !== undefined) return undefined
      const found = lookupKept(head)
      if (found === undefined) return undefined
      const told: Told & Carrier = {
        head,
        cache: 'HIT',
        cacheStatus: undefined,
        upstream: undefined,
        reason: undefined,
        bytes: 0,
      }
      const answer = compose(told, found, common)
      if (answer === undefined) return undefined
      told.bytes = answer.body?.length ?? 0
      if (told.bytes > MAX_BODY_BYTES) return undefined
      const text = renderAnswerHead(answer, KEEP_ALIVE)
      return text === undefined ? undefined : { told, answer, text, startedMs }
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
    if (reply !== undefined) {
      const { told, answer, startedMs } = reply
      tell(told, { status: answer.status, startedMs, aborted: error !== undefined && error !== null })
    }
    if (this.#isLeaving && this.#unsent.length === 0 && !this.#socket.destroyed) this.leave()
  }
}
