import type { RequestHead } from '../../request.ts'
import type { AnswerHead } from './answer-head.ts'
import { linesOf } from './fields.ts'
import { readHead } from './stored-head.ts'

/**
 * May the answer to this POST answer a GET of the same target (RFC 9110 9.3.3)? Only if the app says that it is what is there now, by a
 * `Content-Location` of that very URI (8.7), and for how long.
 */
export function representsTarget(
  { method, scheme, authority, target }: Pick<RequestHead, 'method' | 'scheme' | 'authority' | 'target'>,
  answer: AnswerHead,
): boolean {
  if (method !== 'POST' || answer.status !== 200) return false
  const lines = linesOf(answer.fields, 'content-location')
  const base = `${scheme}://${authority}${target}`
  const [location = ''] = lines
  if (lines.length !== 1 || !URL.canParse(base) || !URL.canParse(location, base)) return false
  const { isExplicit, lifetimeS } = readHead(answer)
  return isExplicit && lifetimeS > 0 && new URL(location, base).href === new URL(base).href
}
