import type { IncomingHttpHeaders } from 'node:http'
import { parseHttpDate } from './http-date.ts'

export type Validators = {
  /** Entity tag with its quotes; `W/` before it if it is weak. */
  readonly tag: string | undefined
  /** Last-Modified in ms since the epoch, a whole second; undefined while that second may still see changes. */
  readonly modifiedMs: number | undefined
  /** What stands in for it in If-Modified-Since: a cache takes the answer's date (RFC 9111 4.3.2). */
  readonly datedMs?: number
}

/** `send` it, `unchanged` (304), `failed` (412). */
export type PreconditionOutcome = 'send' | 'unchanged' | 'failed'

/** The conditional headers of a GET or HEAD, in the order of RFC 9110 13.2.2, steps 1 to 4. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
  nowMs: number,
): PreconditionOutcome {
  const match = headers['if-match']
  if (match !== undefined) {
    if (!listHolds(match, (tag) => isSameStrongTag(tag, validators.tag))) return 'failed'
  } else if (changedSince(headers['if-unmodified-since'], validators, nowMs) === true) return 'failed'

  const noneMatch = headers['if-none-match']
  if (noneMatch !== undefined) {
    return listHolds(noneMatch, (tag) => isSameTag(tag, validators.tag)) ? 'unchanged' : 'send'
  }
  const since = { modifiedMs: validators.modifiedMs ?? validators.datedMs }
  return changedSince(headers['if-modified-since'], since, nowMs) === false ? 'unchanged' : 'send'
}

/**
 * Does If-Range (RFC 9110 13.1.5) allow a part to be sent? A tag must be the same and strong. A date must be the very
 * Last-Modified; that it is a strong validator (8.8.2.2) is owed to `Validators`, which has none while the file is young.
 */
export function allowsRange(headers: IncomingHttpHeaders, validators: Validators, nowMs: number): boolean {
  const condition = headers['if-range']?.toString()
  if (condition === undefined) return true
  if (condition.includes('"')) return isSameStrongTag(condition.trim(), validators.tag)
  const date = parseHttpDate(condition, nowMs)
  return date !== undefined && date === validators.modifiedMs
}

/** undefined: no date, a bad date or nothing to compare it with; the condition is then ignored (RFC 9110 13.1.3, 13.1.4). */
function changedSince(
  date: string | undefined,
  { modifiedMs }: Pick<Validators, 'modifiedMs'>,
  nowMs: number,
): boolean | undefined {
  if (date === undefined || modifiedMs === undefined) return undefined
  const sinceMs = parseHttpDate(date, nowMs)
  return sinceMs === undefined ? undefined : modifiedMs > sinceMs
}

/** @param list `*`, or entity tags (RFC 9110 8.8.3); a comma may stand inside a tag. */
function listHolds(list: string, test: (tag: string) => boolean): boolean {
  if (list.trim() === '*') return true
  for (const [tag] of list.matchAll(/(?:W\/)?"[!#-~\x80-\xff]*"/g)) if (test(tag)) return true
  return false
}

/** Weak comparison (RFC 9110 8.8.3.2). */
function isSameTag(left: string, right: string | undefined): boolean {
  return right !== undefined && opaque(left) === opaque(right)
}

function isSameStrongTag(left: string, right: string | undefined): boolean {
  return left === right && !left.startsWith('W/')
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
