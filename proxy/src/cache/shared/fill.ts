import { Readable } from 'node:stream'
import type { FieldList } from '../representation.ts'
import type { UpstreamAnswer, UpstreamAnswerHead } from '../contracts.ts'

/** One body that comes from the app and goes to many: to everybody from its first byte, at his own pace. */
export type Fill = {
  readonly head: UpstreamAnswerHead
  /** For a visitor who has come while it runs; undefined once its beginning is no longer there. */
  join(head?: UpstreamAnswerHead): UpstreamAnswer | undefined
  /** The whole body; or that it was cut, or outgrew what can be kept. */
  readonly whole: Promise<Buffer | 'cut' | 'too large'>
}

/**
 * How far the fastest reader of a body that is too large to be kept may be ahead of the slowest one, in bytes. As much of any body is held
 * without a budget: whoever has used that up keeps nobody's page from being stored.
 */
const WINDOW_BYTES = 1024 * 1024

/** Bytes of bodies that may be held, beyond that, while they arrive and until the slowest reader has them. */
export type Budget = {
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

export function createBudget(maxBytes: number): Budget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > maxBytes) return false
      taken += bytes
      return true
    },
    giveBack(bytes) {
      taken -= bytes
    },
  }
}

/** @param maxBytes of a body that is kept whole; what is larger, or more than all may hold, only passes through. */
export function createFill(source: UpstreamAnswer, maxBytes: number, budget: Budget): Fill {
  const readers = new Set<SharedAnswer>()
  const chunks: Buffer[] = []
  const { promise: whole, resolve } = Promise.withResolvers<Awaited<Fill['whole']>>()
  let bytes = 0
  let heldBytes = 0
  /** Bodies that are too large lose chunks at their beginning: this many are gone. */
  let dropped = 0
  let isKept = true
  let isOver = false
  let failure: Error | undefined

  const tape: Tape = {
    at: (index) => chunks[index - dropped],
    isOver: () => isOver,
    failure: () => failure,
    trailers: () => source.trailers,
    moved: release,
    left(reader) {
      readers.delete(reader)
      if (readers.size === 0 && !isKept && !isOver) source.destroy()
      else release()
      if (isOver) settle()
    },
  }

  function tellAll(): void {
    for (const reader of readers) reader.more()
  }

  function stopKeeping(): void {
    isKept = false
    if (readers.size === 0) source.destroy()
  }

  /** Gives back what is held no more. */
  function settle(): void {
    const isHeld = readers.size > 0 || !isOver
    const needed = isHeld ? Math.min(heldBytes, Math.max(0, bytes - WINDOW_BYTES)) : 0
    budget.giveBack(heldBytes - needed)
    heldBytes = needed
  }

  function takeMore(): boolean {
    const more = Math.max(0, bytes - WINDOW_BYTES) - heldBytes
    if (bytes > maxBytes || (more > 0 && !budget.take(more))) return false
    heldBytes += Math.max(0, more)
    return true
  }

  /** Lets go of what every reader has behind him, and of the source when nobody is too far behind. */
  function release(): void {
    if (isKept) return
    const slowest = Math.min(...[...readers].map((reader) => reader.index))
    while (dropped < slowest && chunks.length > 0) {
      bytes -= chunks.shift()?.length ?? 0
      dropped++
    }
    settle()
    if (bytes <= WINDOW_BYTES && source.isPaused()) source.resume()
  }

  function end(error: Error | undefined): void {
    if (isOver) return
    isOver = true
    failure = error
    resolve(error !== undefined ? 'cut' : isKept ? Buffer.concat(chunks) : 'too large')
    tellAll()
    settle()
  }

  source.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (isKept && !takeMore()) stopKeeping()
    tellAll()
    release()
    if (!isKept && bytes > WINDOW_BYTES) source.pause()
  })
  source.once('end', () => end(undefined))
  source.once('error', end)
  source.once('close', () => end(new Error('the answer was let go of')))

  return {
    head: source.head,
    whole,
    join(head = source.head) {
      if (dropped > 0 || (!isKept && isOver) || failure !== undefined) return undefined
      const reader = new SharedAnswer(head, tape)
      readers.add(reader)
      return reader
    },
  }
}

/** What readers see of a fill. */
type Tape = {
  at(index: number): Buffer | undefined
  isOver(): boolean
  failure(): Error | undefined
  trailers(): FieldList
  moved(): void
  left(reader: SharedAnswer): void
}

/** One visitor's view of a shared body. */
class SharedAnswer extends Readable {
  readonly head: UpstreamAnswerHead
  trailers: FieldList = []
  /** The chunk that comes next. */
  index = 0
  readonly #tape: Tape
  #isWanted = false

  constructor(head: UpstreamAnswerHead, tape: Tape) {
    super({
      highWaterMark: 64 * 1024,
      read() {
        const reader = this as SharedAnswer
        reader.#isWanted = true
        reader.#pump()
      },
      destroy(error, done) {
        tape.left(this as SharedAnswer)
        done(error)
      },
    })
    this.head = head
    this.#tape = tape
    this.on('error', ignore)
  }

  /** There is more, or the end. */
  more(): void {
    if (this.#isWanted && !this.destroyed) this.#pump()
  }

  #pump(): void {
    for (;;) {
      const chunk = this.#tape.at(this.index)
      if (chunk === undefined) break
      this.index++
      const takesMore = this.push(chunk)
      this.#tape.moved()
      if (takesMore) continue
      this.#isWanted = false
      return
    }
    if (!this.#tape.isOver()) return
    const failure = this.#tape.failure()
    this.trailers = this.#tape.trailers()
    if (failure === undefined) this.push(null)
    else this.destroy(failure)
  }

  discard(): void {
    this.destroy()
  }
}

function ignore(): void {}
