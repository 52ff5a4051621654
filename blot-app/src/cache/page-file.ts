/** One answer that may become a page file. */
export interface PageFileRequest {
  readonly host: string
  readonly scheme: 'http' | 'https'
  /** The request target as it was sent: raw path and query. */
  readonly target: string
  readonly contentType: string
  readonly cacheControl: string
}

export const schemes = ['http', 'https'] as const
export const variants = ['permanent', 'temporary'] as const

const longestNameBytes = 255
const longestPathBytes = 2048

/**
 * Where Blot keeps an answer, below the cache folder: `{host}/{scheme}/{permanent|temporary}{target}[/index.html]`.
 * `permanent` has an age of its own and is served with a year of it; `temporary` is asked for each time.
 * @returns undefined for answers that are not kept and for names that no file can safely have.
 */
export function pageFileOf({ host, scheme, target, contentType, cacheControl }: PageFileRequest): string | undefined {
  if (/\b(?:no-cache|no-store|private)\b/i.test(cacheControl)) return undefined
  const name = pageName(target, contentType.startsWith('text/html'))
  if (name === undefined || !isSafeSegment(host)) return undefined
  const age = Number(/(?:^|[\s,])max-age=(\d+)/i.exec(cacheControl)?.[1] ?? 0)
  return `${host}/${scheme}/${age > 0 ? 'permanent' : 'temporary'}${name}`
}

/** Every file that a target may have been kept in, for one host. */
export function pageFilesOf(host: string, target: string): string[] {
  const names = [pageName(target, true), pageName(target, false)].filter((name) => name !== undefined)
  const folders = schemes.flatMap((scheme) => variants.map((variant) => `${host}/${scheme}/${variant}`))
  return folders.flatMap((folder) => [...new Set(names)].map((name) => folder + name))
}

function pageName(target: string, isHtml: boolean): string | undefined {
  const [path, query] = splitTarget(target)
  if (query !== undefined && (!query.includes('extension=') || query.includes('/'))) return undefined
  const segments = path.split('/').slice(1)
  const isRoot = path === '/'
  // A page named index.html would share its file with the page of its folder.
  if (isHtml && segments.at(-1) === 'index.html') return undefined
  // By its name the edge would take `/node.js` for a script.
  if (isHtml && path.includes('.') && !/\.html?$/i.test(path)) return undefined
  const suffix = query === undefined ? '' : `?${query}`
  const named = isRoot ? suffix : path + suffix
  const name = isHtml && !path.includes('.') ? `${named}/index.html` : named
  const names = name.split('/').slice(1)
  const isSafe = path.startsWith('/') && names.length > 0 && names.every(isSafeSegment)
  return isSafe && Buffer.byteLength(name) <= longestPathBytes ? name : undefined
}

function splitTarget(target: string): [path: string, query: string | undefined] {
  const start = target.indexOf('?')
  return start === -1 ? [target, undefined] : [target.slice(0, start), target.slice(start + 1)]
}

function isSafeSegment(segment: string): boolean {
  const bytes = Buffer.byteLength(segment)
  return bytes > 0 && bytes <= longestNameBytes && segment !== '.' && segment !== '..' && !/[\0\\/]/.test(segment)
}
