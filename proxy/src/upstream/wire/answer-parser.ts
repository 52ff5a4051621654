import { AnswerInvalid } from '../../errors.ts'
import { Block } from './block.ts'
import { ChunkSize } from './chunk-size.ts'
import { parseFields } from './fields.ts'
import { framingOf, type Framing } from './framing.ts'

export type ParsedHead = {
  readonly status: number
  readonly reasonPhrase: string
  /** Flat, as sent. */
  readonly headers: string[]
}

export type ParserEvents = {
  /** A 1xx answer other than 101. */
  onInformation(head: ParsedHead): void
  /** The answer's head, or the 101 that was asked for. */
  onHead(head: ParsedHead): void
  /** @param bytes a view of what was fed: whoever keeps it copies it. */
  onBody(bytes: Buffer): void
}

const MAX_HEAD_BYTES = 64 * 1024
const MAX_TRAILER_BYTES = 16 * 1024
/** RFC 9110 15.2 knows no limit; an app that never comes to its answer is held to one. */
const MAX_INFORMATIONS = 100

/** RFC 9112 4. The space before a reason that is not there is often left out. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/

type Phase = 'head' | 'sized' | 'chunk-size' | 'chunk' | 'trailers' | 'until-close' | 'complete'

/**
 * Reads one answer after another, in pieces cut anywhere (RFC 9112). It does no I/O. What is no answer by the letter throws
 * AnswerInvalid, and the connection is of no more use: two readers that disagree about an end are how answers go astray.
 */
export class AnswerParser {
  /** Flat, as sent; of the answer that is complete. */
  trailers: string[] = []
  /** For how long the connection may be idle after this answer, in ms; 0: not at all. */
  idleMs = 0
  /** The protocol was switched: what follows is no HTTP. */
  switched = false
  readonly #events: ParserEvents
  readonly #head = new Block(MAX_HEAD_BYTES)
  readonly #trailer = new Block(MAX_TRAILER_BYTES)
  readonly #chunkSize = new ChunkSize()
  #phase: Phase = 'complete'
  #method = ''
  #upgrading = false
  #informations = 0
  /** Of a body or chunk. */
  #bytesLeft = 0

  constructor(events: ParserEvents) {
    this.#events = events
  }

  get isComplete(): boolean {
    return this.#phase === 'complete'
  }

  /** Awaits the answer to another request. */
  begin(method: string, upgrading: boolean): void {
    this.#phase = 'head'
    this.#method = method
    this.#upgrading = upgrading
    this.#informations = 0
    this.trailers = []
  }

  /** Drops whatever of this answer is still to come. */
  abandon(): void {
    this.#phase = 'complete'
  }

  /** @returns how many bytes belong to this answer: fewer than were given only once it is complete. */
  feed(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && this.#phase !== 'complete') at = this.#step(chunk, at)
    return at
  }

  /** The connection has ended. Throws AnswerInvalid unless that is the answer's end. */
  finish(): void {
    if (this.#phase !== 'until-close') throw new AnswerInvalid('cut')
    this.#phase = 'complete'
  }

  #step(chunk: Buffer, at: number): number {
    if (this.#phase === 'head') return this.#stepHead(chunk, at)
    if (this.#phase === 'chunk-size') return this.#stepChunkSize(chunk, at)
    return this.#phase === 'trailers' ? this.#stepTrailers(chunk, at) : this.#stepBody(chunk, at)
  }

  #stepHead(chunk: Buffer, at: number): number {
    const next = this.#head.take(chunk, at)
    if (next === -1) return chunk.length
    const { text } = this.#head
    const lineEnd = text.indexOf('\r\n')
    const line = STATUS_LINE.exec(lineEnd === -1 ? text : text.slice(0, lineEnd))
    if (line === null) throw new AnswerInvalid('no status line')
    const status = Number(line[2])
    const headers = lineEnd === -1 ? [] : parseFields(text, lineEnd + 2)
    const framing = framingOf(this.#method, status, line[1] === '0' ? 0 : 1, headers)
    this.#takeHead({ status, reasonPhrase: line[3] ?? '', headers }, framing)
    return next
  }

  #takeHead(head: ParsedHead, framing: Framing): void {
    if (head.status >= 200) {
      this.idleMs = framing.idleMs
      this.#bytesLeft = framing.length
      this.#phase = PHASE_OF[framing.body]
      this.#chunkSize.begin()
      this.#events.onHead(head)
    } else if (head.status === 101) {
      if (!this.#upgrading) throw new AnswerInvalid('a switch of protocols that nobody asked for')
      this.switched = true
      this.#phase = 'complete'
      this.#events.onHead(head)
    } else {
      if (++this.#informations > MAX_INFORMATIONS) throw new AnswerInvalid('too many 1xx answers')
      this.#events.onInformation(head)
    }
  }

  #stepBody(chunk: Buffer, at: number): number {
    const end = this.#phase === 'until-close' ? chunk.length : Math.min(chunk.length, at + this.#bytesLeft)
    this.#bytesLeft -= end - at
    if (this.#bytesLeft === 0) {
      if (this.#phase === 'sized') this.#phase = 'complete'
      if (this.#phase === 'chunk') {
        this.#chunkSize.next()
        this.#phase = 'chunk-size'
      }
    }
    this.#events.onBody(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
    return end
  }

  #stepChunkSize(chunk: Buffer, at: number): number {
    const next = this.#chunkSize.take(chunk, at)
    if (next === -1) return chunk.length
    this.#bytesLeft = this.#chunkSize.bytes
    this.#phase = this.#bytesLeft === 0 ? 'trailers' : 'chunk'
    return next
  }

  /** The block begins with the CRLF of the last chunk's line, so that it ends with an empty line, trailers or none. */
  #stepTrailers(chunk: Buffer, at: number): number {
    const next = this.#trailer.take(chunk, at)
    if (next === -1) return chunk.length
    const { text } = this.#trailer
    if (text !== '') {
      if (!text.startsWith('\r\n')) throw new AnswerInvalid('a last chunk that ends oddly')
      this.trailers = parseFields(text, 2)
    }
    this.#phase = 'complete'
    return next
  }
}

const PHASE_OF: Readonly<Record<Framing['body'], Phase>> = {
  none: 'complete',
  sized: 'sized',
  chunked: 'chunk-size',
  'until-close': 'until-close',
}
