import { Readable } from 'node:stream'
import { UpstreamUnavailable } from '../errors.ts'
import type { Target } from './pool.ts'

export type AnswerHead = {
  readonly target: Target
  readonly status: number
  readonly reasonPhrase: string
  /** Flat, as the upstream sent it. */
  readonly headers: readonly string[]
}

/** Where an answer's body comes from. */
export type AnswerSource = {
  /** More is wanted. */
  read(): void
  /** No more is wanted, though the body may not have ended. */
  abandon(error: Error): void
}

const DISCARD_BYTES = 64 * 1024

/** An upstream's answer: its head, and its body as the stream. A body that was cut ends with an error, never cleanly. */
export class Answer extends Readable {
  readonly head: AnswerHead
  /** Flat, as the upstream sent them; complete once the body has ended. */
  trailers: readonly string[] = []
  /** All of it is here, though it may not have been read yet. */
  isWhole = false

  constructor(head: AnswerHead, source: AnswerSource) {
    super({
      read: () => source.read(),
      destroy(error, done) {
        if (!this.readableEnded) source.abandon(error ?? new UpstreamUnavailable())
        done(error)
      },
    })
    this.head = head
    // An upstream may cut its answer before anybody reads it: `errored` tells.
    this.on('error', ignore)
  }

  /** Lets go of a body that nobody wants: a short one is read to its end, so that the connection can be used again. */
  discard(): void {
    let bytes = 0
    this.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > DISCARD_BYTES) this.destroy()
    })
  }
}

function ignore(): void {}
