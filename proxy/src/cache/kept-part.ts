import { representAnswer } from './represent-answer.ts'
import type { Representation } from './representation.ts'
import { valueOf } from './rules/fields.ts'
import { haveSameStrongTag, type Part } from './rules/partial.ts'
import { readHead } from './rules/stored-head.ts'
import { mergeFields } from './rules/validation.ts'
import { headBytesOf, type StoredAnswer } from './stored-answer.ts'
import { tagsOf } from './tags.ts'

/** Some bytes of an answer of the app, in memory (RFC 9111 3.3). */
export type KeptPart = Part & {
  /** Under the head of the whole. */
  readonly stored: StoredAnswer
  readonly body: Buffer
  /** Of the whole. */
  readonly representation: Representation
}

export function keepPart(stored: StoredAnswer, { span, size }: Part, body: Buffer): KeptPart {
  const representation = representAnswer(stored, { coding: undefined, size, varies: false })
  return { stored, span, size, body, representation }
}

/** What it costs besides its body and head: objects; rounded up. */
const PART_BYTES = 2048

export function bytesOfPart({ body, stored }: KeptPart): number {
  return PART_BYTES + body.length + headBytesOf(stored)
}

/**
 * Puts a part together with one that came before, under the newer head (RFC 9111 3.4).
 * @returns undefined where they do not touch, or are not known to be of the same.
 */
export function combine(older: KeptPart, newer: KeptPart): KeptPart | undefined {
  const touches = older.span.start <= newer.span.end && newer.span.start <= older.span.end
  if (!touches || older.size !== newer.size || !areOfTheSame(older.stored, newer.stored)) return undefined
  const head = { ...newer.stored.head, fields: mergeFields(older.stored.head.fields, newer.stored.head.fields) }
  const tags = tagsOf(head.fields)
  if (tags === undefined) return undefined
  const before = older.body.subarray(0, Math.max(0, newer.span.start - older.span.start))
  const behind = older.body.subarray(Math.max(0, newer.span.end - older.span.start))
  const span = {
    start: Math.min(older.span.start, newer.span.start),
    end: Math.max(older.span.end, newer.span.end),
  }
  const names = { ...newer.stored.names, tags }
  const stored = { ...newer.stored, names, head: readHead(head, newer.stored.head) }
  return keepPart(stored, { span, size: newer.size }, Buffer.concat([before, newer.body, behind]))
}

/** Not even by the same tag where they were selected otherwise, or are coded otherwise: an app that is mistaken must not mix two visitors' bytes. */
function areOfTheSame(left: StoredAnswer, right: StoredAnswer): boolean {
  const [coding, otherCoding] = [left, right].map(({ head }) => valueOf(head.fields, 'content-encoding'))
  return (
    left.selection === right.selection &&
    coding === otherCoding &&
    haveSameStrongTag(left.head.fields, right.head.fields)
  )
}
