import type { Socket } from 'node:net'
import type { ParsedHead } from './answer-parser.ts'

/** A body on its way to an upstream. */
export type BodySource = {
  /** The connection is there, and the head sent. Called once. */
  start(sink: BodySink): void
  /** More can be taken. */
  resume(): void
  /** Nothing more is taken. Calling it again does nothing. */
  stop(): void
}

export type BodySink = {
  /** @returns whether more can be taken now; if not, `resume` is called later. */
  write(chunk: Buffer): boolean
  /** @param trailers flat; sent where the body goes in chunks. */
  finish(trailers: readonly string[]): void
  /** There is no more of it. */
  abort(error: Error): void
}

export type WireRequest = {
  readonly method: string
  /** Request line and fields, to be sent as Latin-1. */
  readonly head: string
  readonly body: BodySource | null
  /** The body goes in chunks; else the head says its length. */
  readonly chunked: boolean
  /** The head asks for another protocol. */
  readonly upgrading: boolean
  /** For the upstream to begin its answer, and to go on with it; while it takes the body, that has limits of its own. */
  readonly readMs: number
}

const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** May it be asked again when nobody knows whether it was acted on? */
export function isRepeatable({ method, body }: Pick<WireRequest, 'method' | 'body'>): boolean {
  return body === null && REPEATABLE.has(method)
}

/** Whoever asks. After `onEnd`, `onSwitch` or `onError` it hears no more. */
export type WireListener = {
  /** A byte of an answer is here. */
  onBegin(): void
  onInformation(head: ParsedHead): void
  onHead(head: ParsedHead): void
  /** @returns whether more can be taken now; if not, call `resume` later. */
  onData(chunk: Buffer): boolean
  onEnd(trailers: readonly string[]): void
  /** The connection is a tunnel's; the socket is paused, what came behind the head is in it. */
  onSwitch(head: ParsedHead, socket: Socket): void
  /** UpstreamRefused (it never had the request), UpstreamTimeout, UpstreamUnavailable, or the error given to `abort`. */
  onError(error: Error): void
}
