import { AnswerInvalid } from '../../errors.ts'

const CR = 13
const LF = 10
const SEMICOLON = 59
/** 2^52 bytes and less: numbers are exact. */
const MAX_DIGITS = 13
/** Of all extensions of one body: they say nothing to us (RFC 9112 7.1.1). */
const MAX_EXTENSION_BYTES = 16 * 1024

type Part = 'crlf-cr' | 'crlf-lf' | 'digits' | 'extension' | 'lf'

/**
 * The line before each chunk of a body: `1f;extension`, CRLF, and before it the CRLF that ends the chunk before.
 * Reads byte by byte, so that it may come in any pieces.
 */
export class ChunkSize {
  /** Once the line is whole. */
  bytes = 0
  #part: Part = 'digits'
  #digits = 0
  #extensionBytes = 0

  /** For the first chunk of a body. */
  begin(): void {
    this.#extensionBytes = 0
    this.#expect('digits')
  }

  /** For a chunk that follows another. */
  next(): void {
    this.#expect('crlf-cr')
  }

  /**
   * @returns where in the chunk what follows begins, or -1 where more is needed. Of the last chunk, whose size is 0, the CRLF
   * is left to what follows.
   */
  take(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (this.#part === 'digits' || this.#part === 'extension') {
        if (byte !== CR) this.#takeByte(byte)
        else if (this.#digits === 0) throw new AnswerInvalid('a chunk without a size')
        else if (this.bytes === 0) return at
        else this.#part = 'lf'
      } else if (this.#part === 'crlf-cr') {
        if (byte !== CR) throw new AnswerInvalid('a chunk that is longer than its size')
        this.#part = 'crlf-lf'
      } else {
        if (byte !== LF) throw new AnswerInvalid('a line of chunks that ends oddly')
        if (this.#part === 'lf') return at + 1
        this.#part = 'digits'
      }
    }
    return -1
  }

  #takeByte(byte: number): void {
    if (this.#part === 'extension') {
      if (++this.#extensionBytes > MAX_EXTENSION_BYTES) throw new AnswerInvalid('chunk extensions that are too long')
      if (byte < 32 && byte !== 9) throw new AnswerInvalid('a control character in a chunk extension')
    } else if (byte === SEMICOLON && this.#digits > 0) {
      this.#part = 'extension'
    } else {
      const digit = hexOf(byte)
      if (digit === -1 || ++this.#digits > MAX_DIGITS) throw new AnswerInvalid('a chunk size that is none')
      this.bytes = this.bytes * 16 + digit
    }
  }

  #expect(part: Part): void {
    this.bytes = 0
    this.#digits = 0
    this.#part = part
  }
}

function hexOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}
