import { preferredForm, type Form } from './accept.ts'
import { PAGES, type PageName } from './content.ts'
import { htmlPage } from './html.ts'

export type { PageName } from './content.ts'

export type PageDetails = {
  readonly status: number
  readonly requestId: string
  /** The value of `Retry-After`; shown when it is a number of seconds. */
  readonly retryAfter?: string
  /** The operator's own words, in place of the page's sentence. */
  readonly message?: string
}

const CONTENT_TYPES: Readonly<Record<Form, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  text: 'text/plain; charset=utf-8',
}

/** A page of the edge's own, as HTML, JSON or text by the request's `Accept`. */
export function renderPage(
  page: PageName,
  details: PageDetails,
  accept: string | undefined,
): { contentType: string; body: Buffer } {
  const form = preferredForm(accept)
  return { contentType: CONTENT_TYPES[form], body: Buffer.from(render(form, page, details)) }
}

function render(form: Form, page: PageName, { status, requestId, retryAfter, message }: PageDetails): string {
  const content = PAGES[page]
  if (form === 'json') return `${JSON.stringify({ status, error: page, message, requestId })}\n`
  const wait = waitSentence(retryAfter)
  const sentence = message ?? content.sentence
  if (form === 'html') return htmlPage({ ...content, sentence, status, requestId, wait })
  const words = [sentence, wait].filter((word) => word !== undefined)
  return `${status} ${content.title}\n${words.join(' ')}\nRequest ${requestId}\n`
}

/** RFC 9110 10.2.3 allows a date too: that is for programs. */
function waitSentence(retryAfter: string | undefined): string | undefined {
  if (retryAfter === undefined || !/^\d{1,5}$/.test(retryAfter)) return undefined
  const seconds = Math.max(1, Number(retryAfter))
  if (seconds < 90) return `It should answer again in ${count(seconds, 'second')}.`
  if (seconds < 90 * 60) return `It should answer again in ${count(Math.round(seconds / 60), 'minute')}.`
  return `It should answer again in ${count(Math.round(seconds / 3600), 'hour')}.`
}

function count(number: number, unit: string): string {
  return number === 1 ? `1 ${unit}` : `${number} ${unit}s`
}
