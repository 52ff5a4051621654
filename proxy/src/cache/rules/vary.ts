import type { FieldList } from '../representation.ts'
import { linesOf, splitAtCommas, splitList } from './fields.ts'

/** Field names in lower case, sorted, once each. */
export type VaryNames = readonly string[]

/** Written anew for each request on its way to the app, from whom it comes: the visitor's own lines do not tell what was selected by. */
const WRITTEN_HERE: ReadonlySet<string> = new Set(['forwarded', 'x-forwarded-for', 'x-real-ip', 'x-request-id'])

/** Characters of a list that is read. A longer one is nobody's wish, and would keep all others waiting: it is taken as it is. */
const MAX_LIST = 1024

/** More names make no useful variants. */
const MAX_NAMES = 16

/** The request fields that select this answer (RFC 9110 12.5.5); `*`: none can, or none that is known here. */
export function varyOf(fields: FieldList): VaryNames | '*' {
  const lines = linesOf(fields, 'vary')
  if (lines.length === 0) return []
  const names = [...new Set(lines.flatMap((line) => splitList(line.toLowerCase())))].toSorted()
  const isAny = names.includes('*') || names.length > MAX_NAMES || names.some((name) => WRITTEN_HERE.has(name))
  return isAny ? '*' : names
}

/** Do these select by the same fields? */
export function isSameVary(left: VaryNames | '*', right: VaryNames): boolean {
  return left !== '*' && left.join() === right.join()
}

/**
 * What a request says in the selecting fields, normalised, as one text: two requests with the same text select the same answer
 * (RFC 9111 4.1).
 * @param rawHeaders as they were sent: the app sees every line, and so must the key.
 */
export function selectionOf(names: VaryNames, rawHeaders: FieldList): string {
  if (names.length === 0) return ''
  return names.map((name) => `${name}:${normalise(name, linesOf(rawHeaders, name))}`).join('\n')
}

/**
 * What means the same becomes the same: lines are combined, and white space beside a comma outside of quotes goes (RFC 9111 4.1).
 * Nothing is unlike something empty: a field that is not sent is `-`.
 */
function normalise(name: string, lines: readonly string[]): string {
  if (lines.length === 0) return '-'
  // RFC 9113 8.2.3: HTTP/2 sends cookies in crumbs, and the app gets them joined.
  if (name === 'cookie') return `=${lines.join('; ')}`
  if (lines.reduce((sum, { length }) => sum + length, 0) > MAX_LIST) return `=${lines.join(', ')}`
  if (PREFERENCES.has(name)) return `=${preferences(lines)}`
  const [only = ''] = lines
  return `=${lines.length === 1 && !only.includes(',') ? only : splitAtCommas(lines.join(', ')).join()}`
}

/** Lists whose members are compared without regard to case, and ordered by weight (RFC 9110 12.4.2). */
const PREFERENCES: ReadonlySet<string> = new Set(['accept', 'accept-charset', 'accept-encoding', 'accept-language'])
function preferences(lines: readonly string[]): string {
  const weighed = lines.flatMap((line) => splitList(line.toLowerCase())).map(weigh)
  // Among equals the order may be the visitor's wish; a stable sort keeps it.
  return weighed
    .toSorted((left, right) => right.weight - left.weight)
    .map(({ range, weight }) => (weight === 1 ? range : `${range};q=${weight}`))
    .join(',')
}

function weigh(item: string): { range: string; weight: number } {
  const parts = item.split(';').map((part) => part.trim())
  const last = parts.findIndex((part) => /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(part))
  if (last === -1) return { range: parts.join(';'), weight: 1 }
  return { range: parts.toSpliced(last, 1).join(';'), weight: Number(parts[last]?.slice(2)) }
}
