import { isWantedMore, readAccept, type Want } from '../../accept.ts'

export type Form = 'text' | 'html' | 'json'

/** In the order that decides between equals: who accepts anything (curl) reads text. */
const FORMS: readonly (readonly [form: Form, type: string])[] = [
  ['text', 'text/plain'],
  ['html', 'text/html'],
  ['json', 'application/json'],
]

/**
 * The form that an `Accept` field prefers (RFC 9110 12.5.1). When nothing suits it is text: a page that says what happened is better
 * than a bare 406.
 */
export function preferredForm(accept: string | undefined): Form {
  if (accept === undefined) return 'text'
  const wantOf = readAccept(accept)
  let best: { form: Form; want: Want } | undefined
  for (const [form, type] of FORMS) {
    const want = wantOf(type)
    if (want === undefined || want.quality === 0) continue
    if (best === undefined || isWantedMore(want, best.want)) best = { form, want }
  }
  return best?.form ?? 'text'
}
