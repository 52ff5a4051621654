import { AnswerInvalid } from '../../errors.ts'

/** RFC 9110 5.6.2: a method, and the name of a field. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 9110 5.5: what no value may hold. Bytes travel as Latin-1, so that nothing else may become one of these on the way. */
export const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/

const TAB = 9
const SPACE = 32

/**
 * The lines of a head, or of trailers, as a flat list: name, value, name, value…, as sent, white space around values left out.
 * Strict (RFC 9112 5): a line that is folded, has white space before its colon, or a control character, throws AnswerInvalid.
 * @param text lines that end with CRLF, but for the last one.
 * @param from where the first of them begins.
 */
export function parseFields(text: string, from: number): string[] {
  const fields: string[] = []
  let at = from
  while (at < text.length) {
    const found = text.indexOf('\r\n', at)
    const end = found === -1 ? text.length : found
    const colon = text.indexOf(':', at)
    const name = colon === -1 || colon > end ? '' : text.slice(at, colon)
    if (!TOKEN.test(name)) throw new AnswerInvalid('a line is no field')
    const value = trim(text, colon + 1, end)
    if (NOT_IN_VALUE.test(value)) throw new AnswerInvalid('a control character in a field')
    fields.push(name, value)
    at = end + 2
  }
  return fields
}

function trim(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
