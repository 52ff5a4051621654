import { parseHttpDate } from '../http-date.ts'
import type { FieldList } from '../representation.ts'
import { linesOf, withoutFields } from './fields.ts'

/** Fields that make a request conditional, or ask for a part (RFC 9110 13.1, 14.2): those of a visitor are answered here. */
export const CONDITIONAL: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])

/** The fields that ask the app whether a stored answer still holds (RFC 9111 4.3.1). Empty: it has no validator. */
export function validatorsFor(stored: FieldList): string[] {
  const [tag] = linesOf(stored, 'etag')
  const [modified] = linesOf(stored, 'last-modified')
  const fields: string[] = []
  if (tag !== undefined) fields.push('If-None-Match', tag)
  if (modified !== undefined) fields.push('If-Modified-Since', modified)
  return fields
}

/**
 * Does a 304 speak of this stored answer (RFC 9111 4.3.4)? A strong tag must be the same; a weak one weakly; a date the same or
 * absent; without any validator it is the one that was asked about.
 */
export function confirms(stored: FieldList, notModified: FieldList): boolean {
  const [tag] = linesOf(notModified, 'etag')
  const [storedTag] = linesOf(stored, 'etag')
  if (tag !== undefined && storedTag !== undefined) {
    return tag.startsWith('W/') ? opaque(tag) === opaque(storedTag) : tag === storedTag
  }
  if (tag !== undefined) return false
  const [date] = linesOf(notModified, 'last-modified')
  const [storedDate] = linesOf(stored, 'last-modified')
  return date === undefined || storedDate === undefined || date === storedDate
}

/** Fields that describe the bytes which are stored, not those of the new message (RFC 9111 3.2). */
const OF_THE_BYTES: ReadonlySet<string> = new Set([
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
])

/**
 * The stored fields, updated by a 304, or by the answer to a HEAD (RFC 9111 3.2): each field that it carries takes the place of all
 * stored lines of its name. `Age` is of the old message, and goes.
 */
export function mergeFields(stored: FieldList, update: FieldList): string[] {
  const fresh = withoutFields(update, (name) => OF_THE_BYTES.has(name))
  const replaced = new Set<string>(['age'])
  for (let i = 0; i < fresh.length; i += 2) replaced.add(fresh[i]?.toLowerCase() ?? '')
  return [...withoutFields(stored, (name) => replaced.has(name)), ...fresh]
}

/** Is the answer to a HEAD about what is stored (RFC 9111 4.3.5)? Not if a validator or the length says otherwise. */
export function describesSame(stored: FieldList, head: FieldList, storedBytes: number): boolean {
  for (const name of ['etag', 'last-modified', 'content-encoding', 'content-type']) {
    const [now] = linesOf(head, name)
    if (now !== undefined && now !== linesOf(stored, name)[0]) return false
  }
  const [length] = linesOf(head, 'content-length')
  return length === undefined || Number(length) === storedBytes
}

/** `Last-Modified` of stored fields, ms since the epoch. */
export function modifiedOf(stored: FieldList, nowMs: number): number | undefined {
  return parseHttpDate(linesOf(stored, 'last-modified')[0] ?? '', nowMs)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}
