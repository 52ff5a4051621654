import type { Answer, Representation } from './representation.ts'

/** A body in memory, ready to be sent. */
export type ReadyBody = { readonly kind: 'ready'; readonly representation: Representation; readonly body: Buffer }

/** An open file to be streamed; `deliver` closes it. */
export type OpenBody = { readonly kind: 'open'; readonly representation: Representation; readonly descriptor: number }

/** What a request is answered with. */
export type Found = ReadyBody | OpenBody | { readonly kind: 'redirect'; readonly answer: Answer }
