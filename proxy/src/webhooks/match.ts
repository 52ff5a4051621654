import type { RequestHead } from '../request.ts'

/** What a request on one of the paths is: a webhook, or the question whether we are there. */
export type Matched =
  { readonly kind: 'webhook'; readonly path: string } | { readonly kind: 'challenge'; readonly challenge: string }

/** @returns undefined for any other request. */
export type Matcher = (head: RequestHead) => Matched | undefined

/** Paths are compared as sent, on the site's own host alone: the same path of a customer's site is the customer's. */
export function createMatcher(host: string, paths: readonly string[]): Matcher {
  const known = new Set(paths)
  return (head) => {
    if (head.site.kind !== 'main' || head.host !== host) return undefined
    const { method, target } = head
    if (method !== 'POST' && method !== 'GET') return undefined
    const mark = target.indexOf('?')
    const path = mark === -1 ? target : target.slice(0, mark)
    if (!known.has(path)) return undefined
    if (method === 'POST') return { kind: 'webhook', path }
    const [challenge, ...others] = new URLSearchParams(target.slice(path.length)).getAll('challenge')
    return challenge === undefined || others.length > 0 ? undefined : { kind: 'challenge', challenge }
  }
}
