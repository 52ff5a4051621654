import { isWantedMore, readAccept } from '../accept.ts'
import type { RequestHead } from '../request.ts'
import type { AnswerHead } from './answer.ts'
import { firstValue, type HeaderList } from './headers.ts'

/** Did the app compose an answer that says it is in trouble, rather than break? */
export type IsComposed = (status: number, fields: HeaderList) => boolean

/** What people read. A program that breaks often says no type. */
const PAGES: ReadonlySet<string> = new Set(['', 'text/html', 'application/xhtml+xml'])

/**
 * Does one of the edge's own pages take the place of an answer that says the app is in trouble? It spares people what a broken program says:
 * those who ask for HTML by name, and any who would get a page of the app's. What was composed passes, and so does what is between programs:
 * text, JSON and other types; all that is not about a page (a method besides GET and HEAD); and a type that is asked for rather than HTML.
 */
export function needsPage(
  answer: AnswerHead,
  { method, headers }: Pick<RequestHead, 'method' | 'headers'>,
  isComposed: IsComposed,
): boolean {
  if (isComposed(answer.status, answer.headers)) return false
  const wantOf = readAccept(headers.accept ?? '')
  const html = wantOf('text/html')
  const wantsHtml = html !== undefined && html.quality > 0 && html.exactness > 0
  const type = firstValue(answer.headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (!wantsHtml) return PAGES.has(type) && (method === 'GET' || method === 'HEAD')
  // `application/problem+json` is JSON, too (RFC 6839 3.1).
  const names = type.endsWith('+json') ? [type, 'application/json'] : [type]
  return !names.map(wantOf).some((want) => want !== undefined && want.exactness > 0 && isWantedMore(want, html))
}

/** What an answer says of more than its body: of the visitor, his budget, and the site. */
const BEYOND_THE_BODY =
  /^(?:access-control-.+|(?:x-)?ratelimit(?:-.+)?|server-timing|set-cookie|strict-transport-security)$/i

/** The fields that still make sense when a page takes the place of the body. */
export function keptFields(headers: HeaderList): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (BEYOND_THE_BODY.test(name)) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}
