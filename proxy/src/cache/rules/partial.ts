import type { Span } from '../ranges.ts'
import type { FieldList } from '../representation.ts'
import type { AnswerHead } from './answer-head.ts'
import { linesOf, withoutFields } from './fields.ts'

/** Which bytes of a whole a partial answer brings. */
export type Part = {
  readonly span: Span
  /** Of the whole, bytes. */
  readonly size: number
}

/**
 * What a 206 brings (RFC 9110 14.4, 15.3.7): one range of a whole whose size is known. Not what has several parts, or another unit, or promises
 * other bytes than it has.
 */
export function partOf({ status, fields }: AnswerHead): Part | undefined {
  const [range = '', ...others] = linesOf(fields, 'content-range')
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(range)
  if (status !== 206 || found === null || others.length > 0) return undefined
  const [first = 0, last = 0, size = 0] = found.slice(1).map(Number)
  if (first > last || last >= size) return undefined
  const [length] = linesOf(fields, 'content-length')
  if (length !== undefined && Number(length) !== last + 1 - first) return undefined
  return { span: { start: first, end: last + 1 }, size }
}

/** The head of the whole that it is a part of: as such it is stored (RFC 9111 3.3). */
export function headOfWhole(answer: AnswerHead): AnswerHead {
  const fields = withoutFields(answer.fields, (name) => name === 'content-range' || name === 'content-length')
  return { ...answer, status: 200, fields }
}

/** Are they parts of the same? Only one strong tag says so (RFC 9111 3.4, RFC 9110 15.3.7.3). */
export function haveSameStrongTag(left: FieldList, right: FieldList): boolean {
  const [tag] = linesOf(left, 'etag')
  return tag?.startsWith('"') === true && tag === linesOf(right, 'etag')[0]
}
