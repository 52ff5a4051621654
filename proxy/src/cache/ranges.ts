/** Part of a body, in bytes: `start` inclusive, `end` exclusive. */
export type Span = { readonly start: number; readonly end: number }

/** More than a player or a download manager ever asks for; a header with more is ignored (RFC 9110 17.15). */
const MAX_RANGES = 16
const RANGE = /^(?:(?<first>\d+)-(?<last>\d*)|-(?<suffix>\d+))$/

/**
 * Reads a Range header (RFC 9110 14.1.2, 14.2).
 * @param size of the whole body, in bytes.
 * @returns the parts to send, in the order asked for (merged and sorted where they overlap); `unsatisfiable` (416); undefined
 * if the header is to be ignored: another unit, malformed, too many ranges, an empty body.
 */
export function parseRange(header: string, size: number): readonly Span[] | 'unsatisfiable' | undefined {
  const equals = header.indexOf('=')
  if (header.slice(0, equals).trim().toLowerCase() !== 'bytes') return undefined
  const items = header
    .slice(equals + 1)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  if (items.length === 0 || items.length > MAX_RANGES) return undefined

  const spans: Span[] = []
  for (const item of items) {
    const span = parseSpan(item, size)
    if (span === undefined) return undefined
    if (span.start < span.end) spans.push(span)
    // A suffix of an empty body is satisfiable, but no Content-Range can say so.
    else if (size === 0 && item.startsWith('-')) return undefined
  }
  return spans.length === 0 ? 'unsatisfiable' : withoutOverlap(spans)
}

/** @returns an empty span for an unsatisfiable range, undefined for what is no range. */
function parseSpan(item: string, size: number): Span | undefined {
  const fields = RANGE.exec(item)?.groups
  if (fields === undefined) return undefined
  if (fields['suffix'] !== undefined) return { start: Math.max(0, size - Number(fields['suffix'])), end: size }
  const first = Number(fields['first'])
  const last = fields['last'] === '' ? Infinity : Number(fields['last'])
  if (first > last) return undefined
  return { start: first, end: Math.min(last + 1, size) }
}

/** Overlapping ranges are merged (RFC 9110 15.3.7.2): no byte is sent twice, whatever is asked for. */
function withoutOverlap(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((left, right) => left.start - right.start)) {
    const last = merged.at(-1)
    if (last !== undefined && span.start < last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
    } else merged.push(span)
  }
  return merged.length === spans.length ? spans : merged
}
