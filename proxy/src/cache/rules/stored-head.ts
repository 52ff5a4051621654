import { parseHttpDate } from '../http-date.ts'
import type { FieldList } from '../representation.ts'
import { readAge } from './age.ts'
import type { AnswerHead } from './answer-head.ts'
import { directivesOf, type Directives } from './directives.ts'
import { linesOf } from './fields.ts'
import { isExplicit, lifetimeOf, type Lifetime } from './freshness.ts'

/** A head with what the rules ask of it again and again, read once. */
export type StoredHead = AnswerHead &
  Lifetime & {
    readonly directives: Directives
    /** The directives are those of `CDN-Cache-Control`. */
    readonly isTargeted: boolean
    /** The site's operator wants answers kept that say nothing of their freshness. */
    readonly untilPurged: boolean
    /** Of the app; undefined when there is none that is valid. */
    readonly dateMs: number | undefined
    /** Seconds that the answer had spent elsewhere when it arrived here. */
    readonly ageS: number
    /** It says itself until when it is fresh. */
    readonly isExplicit: boolean
  }

export type HeadOptions = { readonly untilPurged?: boolean }

export function readHead(head: AnswerHead, { untilPurged = false }: HeadOptions = {}): StoredHead {
  const { directives, isTargeted } = directivesOf(head.fields)
  const dateMs = dateOf(head.fields, 'date', head.receivedMs)
  return {
    ...head,
    untilPurged,
    directives,
    isTargeted,
    dateMs,
    ageS: readAge(linesOf(head.fields, 'age')),
    isExplicit: isExplicit(head.fields, directives, isTargeted),
    ...lifetimeOf(head, { directives, isTargeted, dateMs, untilPurged }),
  }
}

/** @returns undefined without the field, and for what is no date. Of several lines the first counts (RFC 9111 4.2.1). */
export function dateOf(fields: FieldList, name: string, nowMs: number): number | undefined {
  const [line] = linesOf(fields, name)
  return line === undefined ? undefined : parseHttpDate(line, nowMs)
}
