import type { OnReadOpts, Socket } from 'node:net'
import { UpstreamRefused, UpstreamTimeout, UpstreamUnavailable } from '../../errors.ts'
import { AnswerParser, type ParsedHead, type ParserEvents } from './answer-parser.ts'
import { connect, type Origin } from './connect.ts'
import { isRepeatable, type BodySink, type WireListener, type WireRequest } from './contracts.ts'
import { Deadline } from './deadline.ts'
import { lastChunk } from './request-head.ts'

/** Whoever keeps connections. */
export type ConnectionOwner = {
  /** Its answer is complete, and it may be used again within this time. */
  onIdle(connection: Connection, idleMs: number): void
  /** With its answer, which is complete, the upstream ends it. */
  onClosing(): void
  /** It is made. */
  onReached(): void
  /** It could not be made. */
  onUnreachable(cause: Error | undefined): void
  /** It is closed, or somebody else's. */
  onGone(connection: Connection): void
}

/** One HTTP/1.1 connection to an upstream, one request at a time (RFC 9112). */
export class Connection implements ParserEvents, BodySink {
  /** When an idle connection is to be let go, by `performance.now()`. */
  idleUntilMs = 0
  /** No request has been answered over it. */
  isFresh = true
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #parser = new AnswerParser(this)
  readonly #deadline = new Deadline(() => this.abort(new UpstreamTimeout()))
  #isReady = false
  #begun = false
  #sent = false
  /** Nothing of the request has been sent yet. */
  #isUnsent = false
  #paused = false
  #readMs = 0
  #request: WireRequest | undefined
  #listener: WireListener | undefined
  #switchHead: ParsedHead | undefined
  #error: Error | undefined

  /** @param onread gives the buffer that bytes are read into; without it, for upgrades, the socket can be handed over. */
  constructor(origin: Origin, owner: ConnectionOwner, readBuffer: Uint8Array | undefined) {
    this.#owner = owner
    const onread: OnReadOpts | undefined = readBuffer && {
      buffer: readBuffer,
      callback: (length, bytes) => this.#read(Buffer.from(bytes.buffer, bytes.byteOffset, length)),
    }
    this.#socket = connect(origin, () => this.#ready(), onread)
    if (onread === undefined) this.#socket.on('data', this.#onSocketData)
    this.#socket.on('drain', this.#onSocketDrain)
    this.#socket.on('end', this.#onSocketEnd)
    this.#socket.on('error', this.#onSocketError)
    this.#socket.on('close', this.#onSocketClose)
  }

  /** The connection must be new or idle. */
  ask(request: WireRequest, listener: WireListener): void {
    this.#request = request
    this.#listener = listener
    this.#readMs = request.readMs
    this.#isUnsent = true
    if (!this.#isReady) return
    if (this.isFresh || isRepeatable(request)) this.#send(request)
    // The upstream may have closed this connection, and the event loop not have come to that yet: what cannot be asked twice waits
    // until it has.
    else setImmediate(() => this.#request === request && this.#isUnsent && this.#send(request))
  }

  /** Ends what is under way, and the connection. */
  abort(error: Error): void {
    const listener = this.#listener
    this.#leave()
    this.#socket.destroy()
    listener?.onError(error)
  }

  /** The answer goes on as a stream of events: from now on it may be silent for this long. */
  allowSilence(ms: number): void {
    this.#readMs = ms
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
    this.#awaitAnswer()
  }

  /** Closes a connection on which nothing is under way. */
  close(): void {
    this.#socket.destroy()
    this.#owner.onGone(this)
  }

  onInformation(head: ParsedHead): void {
    this.#listener?.onInformation(head)
  }

  onHead(head: ParsedHead): void {
    if (this.#parser.switched) this.#switchHead = head
    else this.#listener?.onHead(head)
  }

  onBody(bytes: Buffer): void {
    // What was read into is read into again: the listener gets a copy.
    if (this.#listener?.onData(Buffer.from(bytes)) === false) this.#paused = true
  }

  write(chunk: Buffer): boolean {
    if (this.#request?.chunked !== true) return this.#socket.write(chunk)
    this.#socket.cork()
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.#socket.write(chunk)
    const more = this.#socket.write('\r\n', 'latin1')
    this.#socket.uncork()
    return more
  }

  finish(trailers: readonly string[]): void {
    if (this.#request?.chunked === true) this.#socket.write(lastChunk(trailers), 'latin1')
    this.#sent = true
    this.#awaitAnswer()
  }

  #ready(): void {
    this.#isReady = true
    this.#owner.onReached()
    if (this.#request !== undefined) this.#send(this.#request)
  }

  #send({ method, head, body, upgrading }: WireRequest): void {
    this.#parser.begin(method, upgrading)
    this.#isUnsent = false
    this.#begun = false
    this.#sent = body === null
    if (body === null) {
      this.#socket.write(head, 'latin1')
    } else {
      // What is there of the body leaves with the head; the head does not wait for it.
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      body.start(this)
      process.nextTick(() => this.#socket.uncork())
    }
    this.#awaitAnswer()
  }

  /** It is the upstream's turn, unless it is taking a body, or we are not reading. */
  #awaitAnswer(): void {
    if (this.#sent && !this.#paused && this.#listener !== undefined) this.#deadline.set(this.#readMs)
  }

  readonly #onSocketData = (chunk: Buffer): void => void this.#read(chunk)
  readonly #onSocketDrain = (): void => this.#request?.body?.resume()

  /** @returns whether reading goes on. */
  #read(chunk: Buffer): boolean {
    const listener = this.#listener
    // Bytes that answer nothing must not become somebody's answer.
    if (listener === undefined || !this.#isReady) {
      this.close()
      return false
    }
    if (this.#isUnsent) {
      this.#refuse(undefined)
      return false
    }
    if (!this.#begun) {
      this.#begun = true
      listener.onBegin()
    }
    let taken = 0
    try {
      taken = this.#parser.feed(chunk)
    } catch (cause) {
      this.abort(new UpstreamUnavailable({ cause }))
      return false
    }
    // The listener may have had enough in the meantime.
    if (this.#listener === undefined) return false
    if (!this.#parser.isComplete) this.#goOn()
    else if (this.#parser.switched) this.#handOver(chunk.subarray(taken))
    else this.#complete(taken === chunk.length)
    return !this.#paused
  }

  #goOn(): void {
    if (!this.#paused) {
      this.#awaitAnswer()
      return
    }
    // Whoever takes the answer is slower than the upstream, which owes nothing meanwhile.
    this.#socket.pause()
    this.#deadline.stop()
  }

  /** @param clean nothing came behind the answer. */
  #complete(clean: boolean): void {
    const listener = this.#listener
    const { trailers, idleMs } = this.#parser
    const reusable = clean && this.#sent && idleMs > 0
    this.#leave()
    this.isFresh = false
    if (clean && idleMs === 0) this.#owner.onClosing()
    if (reusable) this.#owner.onIdle(this, idleMs)
    else this.close()
    listener?.onEnd(trailers)
  }

  #handOver(surplus: Buffer): void {
    const socket = this.#socket
    const listener = this.#listener
    const head = this.#switchHead
    this.#leave()
    this.#deadline.close()
    socket.pause()
    socket.off('data', this.#onSocketData)
    socket.off('drain', this.#onSocketDrain)
    socket.off('end', this.#onSocketEnd)
    socket.off('close', this.#onSocketClose)
    if (surplus.length > 0) socket.unshift(surplus)
    this.#owner.onGone(this)
    if (head !== undefined) listener?.onSwitch(head, socket)
  }

  /** The request is over, for better or worse. A body that was not begun stays whole for another try. */
  #leave(): void {
    if (this.#isReady && !this.#isUnsent && !this.#sent) this.#request?.body?.stop()
    this.#request = undefined
    this.#listener = undefined
    // TLS hands on what it has decrypted even while it is paused: the answer may end so.
    if (this.#paused) this.#socket.resume()
    this.#paused = false
    this.#parser.abandon()
    this.#deadline.stop()
  }

  readonly #onSocketEnd = (): void => {
    if (!this.#isReady) return
    if (this.#listener === undefined) {
      this.close()
      return
    }
    if (this.#isUnsent) {
      this.#refuse(undefined)
      return
    }
    try {
      this.#parser.finish()
    } catch (cause) {
      this.abort(new UpstreamUnavailable({ cause }))
      return
    }
    this.#complete(false)
  }

  readonly #onSocketError = (error: Error): void => {
    this.#error = error
  }

  readonly #onSocketClose = (): void => {
    this.#deadline.close()
    this.#owner.onGone(this)
    if (this.#listener === undefined) return
    const cause = this.#error
    if (this.#isReady) {
      if (this.#isUnsent) this.#refuse(cause)
      else this.abort(new UpstreamUnavailable({ cause }))
      return
    }
    this.#owner.onUnreachable(cause)
    this.#refuse(cause)
  }

  /** The upstream never had the request. */
  #refuse(cause: Error | undefined): void {
    this.abort(new UpstreamRefused({ cause }))
  }
}
