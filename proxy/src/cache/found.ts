import type { Answer, Representation } from './representation.ts'
import type { StoredHead } from './rules/stored-head.ts'

type Described = {
  readonly representation: Representation
  /** Of an answer of the app: its age goes with it. */
  readonly stored?: StoredHead
}

/** A body in memory, ready to be sent. */
export type ReadyBody = Described & {
  readonly kind: 'ready'
  readonly body: Buffer
  /** Where in the representation it begins, when it is a part of it; at its beginning otherwise. */
  readonly start?: number
}

/** An open file to be streamed; `deliver` closes it. */
export type OpenBody = Described & { readonly kind: 'open'; readonly descriptor: number }

/** What needs no file. */
export type ReadyFound = ReadyBody | { readonly kind: 'redirect'; readonly answer: Answer }

/** What a request is answered with. */
export type Found = ReadyFound | OpenBody
