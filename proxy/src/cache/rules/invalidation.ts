import type { FieldList } from '../representation.ts'
import { linesOf } from './fields.ts'

/** RFC 9110 9.2.1, RFC 3253, RFC 4918, RFC 5323. A method that nobody knows may change anything. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND', 'REPORT', 'SEARCH', 'TRACE'])

type Subject = { readonly method: string; readonly scheme: string; readonly host: string; readonly target: string }

/**
 * The targets of which nothing stored may be used any more, after an unsafe request that succeeded (RFC 9111 4.4): its own, and
 * those that `Location` and `Content-Location` name on the same origin.
 * @param authority as the visitor sent it: with the port that is part of his origin.
 */
export function invalidatedBy(subject: Subject & { authority: string }, status: number, fields: FieldList): string[] {
  if (SAFE.has(subject.method) || status < 200 || status >= 400) return []
  const base = `${subject.scheme}://${subject.authority}${subject.target}`
  const targets = new Set([subject.target])
  if (!URL.canParse(base)) return [...targets]
  const { origin } = new URL(base)
  for (const line of [...linesOf(fields, 'location'), ...linesOf(fields, 'content-location')]) {
    if (!URL.canParse(line, base)) continue
    const named = new URL(line, base)
    if (named.origin === origin) targets.add(`${named.pathname}${named.search}`)
  }
  return [...targets]
}
