import type { RequestHead } from '../request.ts'

/** The path of a target, without its query. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark === -1 ? target : target.slice(0, mark)
}

/** May a page file have this target for its name? Not with a query, unless it holds `extension=`: so the app names them. */
export function hasPageName(target: string): boolean {
  const mark = target.indexOf('?')
  return mark === -1 || target.includes('extension=', mark)
}

/** The key of an answer in memory. */
export function keyOf({ scheme, host, target }: Pick<RequestHead, 'scheme' | 'host' | 'target'>): string {
  return `${scheme}://${host}${nameOf(target)}`
}

/**
 * What stands for a target, or for a URL that ends in one. A query that names no page counts as none but for the `?`, which
 * keeps those requests apart from page files: strangers can make up queries without end.
 */
export function nameOf(target: string): string {
  return hasPageName(target) ? target : target.slice(0, target.indexOf('?') + 1)
}
