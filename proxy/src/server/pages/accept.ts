export type Form = 'text' | 'html' | 'json'

/** In the order that decides between equals: who accepts anything (curl) reads text. */
const FORMS: readonly (readonly [form: Form, type: string])[] = [
  ['text', 'text/plain'],
  ['html', 'text/html'],
  ['json', 'application/json'],
]

/** More ranges than a browser ever sends; what comes after them is not read. */
const MAX_RANGES = 32

type Range = { type: string; quality: number; position: number }

/**
 * The form that an `Accept` field prefers (RFC 9110 12.5.1): by quality, then by how exactly it is named, then by which
 * is named first. When nothing suits it is text: a page that says what happened is better than a bare 406.
 */
export function preferredForm(accept: string | undefined): Form {
  if (accept === undefined) return 'text'
  const ranges = accept.split(',', MAX_RANGES).map(parseRange)
  let best: { form: Form; range: Range; exactness: number } | undefined
  for (const [form, type] of FORMS) {
    const match = mostExact(ranges, type)
    if (match === undefined || match.range.quality === 0) continue
    if (best === undefined || isBetter(match, best)) best = { form, ...match }
  }
  return best?.form ?? 'text'
}

type Match = { range: Range; exactness: number }

/** The most exact range decides about a type, whatever the quality of wider ones: 2 for the type itself, 1 for `text/*`, 0 for anything. */
function mostExact(ranges: readonly Range[], type: string): Match | undefined {
  const wanted = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
  for (const [i, name] of wanted.entries()) {
    const range = ranges.find((candidate) => candidate.type === name)
    if (range !== undefined) return { range, exactness: 2 - i }
  }
  return undefined
}

function isBetter(one: Match, other: Match): boolean {
  if (one.range.quality !== other.range.quality) return one.range.quality > other.range.quality
  if (one.exactness !== other.exactness) return one.exactness > other.exactness
  return one.range.position < other.range.position
}

function parseRange(text: string, position: number): Range {
  const [type = '', ...parameters] = text.split(';')
  const weight = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1]).find(Boolean)
  const quality = weight === undefined ? 1 : Math.min(Number(weight), 1)
  return { type: type.trim().toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality, position }
}
