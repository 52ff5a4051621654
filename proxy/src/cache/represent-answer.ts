import type { Coding } from '../static/coding.ts'
import type { FieldList, Representation } from './representation.ts'
import { linesOf, splitList, withoutFields } from './rules/fields.ts'
import { modifiedOf } from './rules/validation.ts'
import type { StoredAnswer } from './stored-answer.ts'

/** What a 304 says (RFC 9110 15.4.5). */
const IN_NOT_MODIFIED: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'vary',
])
/** Of one representation alone, and written anew for each; or the edge's word, of each answer anew. */
const OWN: ReadonlySet<string> = new Set([
  'accept-ranges',
  'age',
  'alt-svc',
  'blot-cache',
  'blot-server',
  'blot-upstream',
  'cache-status',
  'content-length',
  'content-type',
  'x-content-type-options',
])

/**
 * What is said of a stored answer, in one coding; made once.
 * @param coding of a copy that the edge made; undefined for the body as the app sent it.
 * @param size of that body, bytes.
 * @param varies there are copies, or there may be.
 */
export function representAnswer(
  stored: StoredAnswer,
  { coding, size, varies }: { coding: Coding | undefined; size: number; varies: boolean },
): Representation {
  const { status, fields: said, receivedMs, dateMs } = stored.head
  const contentType = linesOf(said, 'content-type')[0]
  const tag = tagOf(said, coding)
  const modifiedMs = modifiedOf(said, receivedMs)

  let kept = withoutFields(said, (name) => OWN.has(name) || (coding !== undefined && name === 'etag'))
  if (coding !== undefined) kept.push(...(tag === undefined ? [] : ['ETag', tag]), 'Content-Encoding', coding)
  if (varies && !variesByCoding(said)) kept.push('Vary', 'Accept-Encoding')
  // RFC 9110 6.6.1: an answer without a date gets that of its arrival.
  if (dateMs === undefined) {
    kept = withoutFields(kept, (name) => name === 'date')
    kept.push('Date', new Date(receivedMs).toUTCString())
  }
  const shared = Object.freeze(withoutFields(kept, (name) => !IN_NOT_MODIFIED.has(name)))
  const fields = status === 200 ? [...kept, 'Accept-Ranges', 'bytes'] : kept
  const type = contentType === undefined ? [] : ['Content-Type', contentType]
  // RFC 9110 8.6: there is nothing to be long in a 204.
  const length = status === 204 ? [] : ['Content-Length', String(size)]
  const whole = {
    status,
    fields: Object.freeze([...fields, ...type, ...length]),
    parts: size === 0 ? [] : [{ start: 0, end: size }],
  }
  return {
    tag,
    // RFC 9110 8.8.2.2: what changed in the second of its answer may have changed again.
    modifiedMs: modifiedMs !== undefined && modifiedMs < (dateMs ?? receivedMs) ? modifiedMs : undefined,
    ...(modifiedMs === undefined && { datedMs: dateMs ?? receivedMs }),
    size,
    contentType,
    coding: coding ?? (linesOf(said, 'content-encoding').length > 0 ? 'other' : undefined),
    shared,
    fields,
    whole,
  }
}

/** RFC 9110 8.8.1: a strong tag names bytes; a copy in another coding has other bytes. */
function tagOf(fields: FieldList, coding: Coding | undefined): string | undefined {
  const [tag] = linesOf(fields, 'etag')
  return tag === undefined || coding === undefined || tag.startsWith('W/') ? tag : `W/${tag}`
}

function variesByCoding(fields: FieldList): boolean {
  return linesOf(fields, 'vary').some((line) => splitList(line.toLowerCase()).includes('accept-encoding'))
}
