import type { Answered } from './exchange.ts'

/** One thing in which two answers differ. */
export type Difference = { readonly what: string; readonly theirs: string; readonly ours: string }

/** What a browser, a robot or a cache acts on. Names of servers, times and tags are each server's own. */
const HEADERS = [
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-language',
  'location',
  'access-control-allow-origin',
  'strict-transport-security',
  'content-security-policy',
  'x-frame-options',
  'x-robots-tag',
  'www-authenticate',
  'retry-after',
  'link',
] as const

/**
 * Pure. @param theirs of the server of before, or why there is none.
 * @param ignored names of headers, and `body`, `cache-control` or `certificate`.
 */
export function compareAnswers(
  theirs: Answered | string,
  ours: Answered | string,
  ignored: ReadonlySet<string>,
): Difference[] {
  if (typeof theirs === 'string' || typeof ours === 'string') {
    if (theirs === ours) return []
    const show = (answer: Answered | string): string =>
      typeof answer === 'string' ? answer : `status ${answer.status}`
    return [{ what: 'answer', theirs: show(theirs), ours: show(ours) }]
  }
  const found: Difference[] = []
  const note = (what: string, before: string | undefined, after: string | undefined): void => {
    if (before !== after && !ignored.has(what))
      found.push({ what, theirs: before ?? '(none)', ours: after ?? '(none)' })
  }
  note('status', String(theirs.status), String(ours.status))
  for (const name of HEADERS) note(name, valueOf(theirs, name), valueOf(ours, name))
  note('cache-control', directives(theirs), directives(ours))
  note('set-cookie', cookieNames(theirs), cookieNames(ours))
  if (theirs.bodyHash !== ours.bodyHash) {
    note(
      'body',
      `${theirs.bodyBytes} bytes, ${theirs.bodyHash.slice(0, 12)}`,
      `${ours.bodyBytes} bytes, ${ours.bodyHash.slice(0, 12)}`,
    )
  }
  note('certificate', theirs.fingerprint, ours.fingerprint)
  return found
}

/** `text/html; charset=UTF-8` and `text/html;charset=utf-8` are one. */
function valueOf({ headers }: Answered, name: string): string | undefined {
  const value = headers.get(name)
  return name === 'content-type' ? value?.toLowerCase().replaceAll(/\s*;\s*/g, '; ') : value
}

function directives({ headers }: Answered): string | undefined {
  const value = headers.get('cache-control')
  return value
    ?.toLowerCase()
    .split(/\s*,\s*/)
    .toSorted()
    .join(', ')
}

function cookieNames({ headers }: Answered): string | undefined {
  return headers
    .get('set-cookie')
    ?.split(/,(?=[^;,]+=)/)
    .map((cookie) => cookie.split('=')[0]?.trim())
    .toSorted()
    .join(', ')
}
