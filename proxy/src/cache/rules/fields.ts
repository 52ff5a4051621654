import type { FieldList } from '../representation.ts'

/** Meant for one connection, or for the connection's next hop: never stored (RFC 9111 3.1, RFC 9110 7.6.1). */
const NEVER_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The values of all lines of one field, in order. @param name in lower case. */
export function linesOf(fields: FieldList, name: string): string[] {
  const lines: string[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const candidate = fields[i]
    if (candidate?.length === name.length && candidate.toLowerCase() === name) lines.push(fields[i + 1]?.trim() ?? '')
  }
  return lines
}

/** All lines as one value (RFC 9110 5.3); undefined without any. @param name in lower case. */
export function valueOf(fields: FieldList, name: string): string | undefined {
  const lines = linesOf(fields, name)
  return lines.length === 0 ? undefined : lines.join(', ')
}

/** @param drops gets each name in lower case. */
export function withoutFields(fields: FieldList, drops: (name: string) => boolean): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (!drops(name.toLowerCase())) kept.push(name, fields[i + 1] ?? '')
  }
  return kept
}

/** The fields of a message that are not about its connection, or named by `Connection` as such. */
export function endToEnd(fields: FieldList): string[] {
  const named = new Set(linesOf(fields, 'connection').flatMap((line) => splitList(line.toLowerCase())))
  return withoutFields(fields, (name) => NEVER_STORED.has(name) || named.has(name))
}

/** The items of a list between commas (RFC 9110 5.6.1); a comma inside a quoted string separates nothing. */
export function splitList(text: string): string[] {
  return splitAtCommas(text).filter((item) => item !== '')
}

/** The same with empty items. In one pass: strangers write lists. */
export function splitAtCommas(text: string): string[] {
  if (!text.includes('"')) return text.split(',').map((item) => item.trim())
  const items: string[] = []
  let start = 0
  let closes = true
  for (let i = 0; i < text.length; i++) {
    if (text[i] === ',') {
      items.push(text.slice(start, i).trim())
      start = i + 1
    } else if (text[i] === '"' && closes) {
      const end = endOfQuoted(text, i)
      // A quote that is never closed is one more character; so is each one behind it.
      if (end === undefined) closes = false
      else i = end
    }
  }
  items.push(text.slice(start).trim())
  return items
}

/** @returns where the quoted string that begins here is closed (RFC 9110 5.6.4). */
function endOfQuoted(text: string, start: number): number | undefined {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') return i
  }
  return undefined
}

/** What a quoted string says (RFC 9110 5.6.4); anything else says itself. */
export function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  return text.slice(1, -1).replaceAll(/\\(.)/g, '$1')
}
