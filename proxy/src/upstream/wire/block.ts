import { AnswerInvalid } from '../../errors.ts'

const END = Buffer.from('\r\n\r\n')
const FIRST_BYTES = 1024

/** Lines up to an empty one, in however many pieces they come: a head, or trailers. */
export class Block {
  /** The whole of it as Latin-1, without the CRLF of the last line and the empty line; set once `take` has found the end. */
  text = ''
  readonly #maxBytes: number
  #gathered: Buffer | undefined
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @returns where in the chunk what follows begins, or -1 where more is needed. Throws AnswerInvalid when it is too large. */
  take(chunk: Buffer, at: number): number {
    if (this.#length === 0) {
      const end = chunk.indexOf(END, at)
      if (end !== -1) {
        if (end - at > this.#maxBytes) throw tooLarge()
        this.text = chunk.toString('latin1', at, end)
        return end + END.length
      }
    }
    return this.#gather(chunk, at)
  }

  #gather(chunk: Buffer, at: number): number {
    const before = this.#length
    // As far as the limit, and to where the end may be if it is just within it.
    const added = Math.min(chunk.length - at, this.#maxBytes + END.length - before)
    const gathered = this.#reserve(before + added)
    chunk.copy(gathered, before, at, at + added)
    this.#length = before + added
    // The end may have begun in an earlier piece.
    const end = gathered.subarray(0, this.#length).indexOf(END, Math.max(0, before - END.length + 1))
    if (end === -1) {
      if (this.#length >= this.#maxBytes + END.length) throw tooLarge()
      return -1
    }
    this.text = gathered.toString('latin1', 0, end)
    this.#gathered = undefined
    this.#length = 0
    return at + end + END.length - before
  }

  #reserve(bytes: number): Buffer {
    if (this.#gathered !== undefined && this.#gathered.length >= bytes) return this.#gathered
    const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, 2 * bytes))
    this.#gathered?.copy(larger, 0, 0, this.#length)
    this.#gathered = larger
    return larger
  }
}

function tooLarge(): Error {
  return new AnswerInvalid('a head or trailers that are too large')
}
