import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Via } from './outcomes.ts'

/** A request, as often as it must be sent. */
export type Question = {
  readonly method: 'GET' | 'POST'
  readonly host: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  /** How long until the last byte of the answer, ms; without it, until the head. */
  readonly limitMs?: number
}

export type Body = {
  readonly bytes: number
  /** Called for each try. */
  chunks(): AsyncIterable<Buffer>
}

/** An answer whose head is there. Its body fails with a `Failure` when it is cut. */
export type Opened = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
  /** Asked when the body has ended: why it is not whole, if it is not. Node ends the body of a stream that was reset. */
  fault(): string | undefined
  readonly port: number
  readonly reused: boolean
}

/** A way to ask: as a browser tab, a fresh client, an HTTP/2 session. */
export type Transport = {
  readonly via: Via
  /** Rejects with a `Failure`. */
  open(question: Question): Promise<Opened>
  close(): void
}

/** How long a visitor waits for an answer. Longer than anything that the edge may hold a request for. */
export const PATIENCE_MS = 60_000
