import type { Readable } from 'node:stream'
import type { Exchange, RequestHead } from '../request.ts'
import type { FieldList } from './representation.ts'

/** What this room needs of the rooms beside it; lifecycle joins them. */

export type UpstreamAnswerHead = {
  readonly status: number
  readonly reasonPhrase: string
  /** Flat, as the upstream sent it. */
  readonly headers: FieldList
  readonly target: { readonly address: string }
}

/** An answer of the app: its head, and its body as the stream. A body that was cut ends with an error, never cleanly. */
export type UpstreamAnswer = Readable & {
  readonly head: UpstreamAnswerHead
  /** Complete once the body has ended. */
  trailers: FieldList
  /** Lets go of a body that nobody wants. */
  discard(): void
}

/** A question to the app that is bound to no visitor: it goes on when he leaves. */
export type DetachedQuestion = {
  /** Without a body. */
  readonly head: RequestHead
  readonly signal: AbortSignal
  /** Whom a 1xx answer and the name of the upstream are told, if anybody. */
  readonly visitor: Exchange | undefined
  /** It may wait for an app that is away; else that is an error at once. */
  readonly mayWait: boolean
}

/** Asks the app; rejects with an error that the upstream's room knows how to show. */
export type AskApp = {
  /** For this visitor alone: ended when he leaves. */
  (exchange: Exchange): Promise<UpstreamAnswer>
  detached(question: DetachedQuestion): Promise<UpstreamAnswer>
  /** `away`: nobody is there to be asked. `troubled`: somebody is, and is known not to be well. */
  state(): 'up' | 'troubled' | 'away'
}
