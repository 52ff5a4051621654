import { targetOf } from '../blogs/slug.ts'

export interface UrlPath {
  /** The canonical spelling, percent-encoded, without a closing slash. */
  readonly target: string
  /** The same decoded once, without the leading slash: a path inside a folder. */
  readonly file: string
}

/** Reads a raw path. @returns undefined for one that no page and no file can have. */
export function readUrlPath(rawPath: string): UrlPath | undefined {
  if (rawPath === '/') return { target: '/', file: '' }
  const segments = rawPath.replace(/\/$/, '').split('/').slice(1).map(decodeSegment)
  const names = segments.filter((segment) => segment !== undefined && isName(segment))
  if (!rawPath.startsWith('/') || names.length !== segments.length) return undefined
  return { target: targetOf(names), file: names.join('/') }
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

function isName(segment: string | undefined): segment is string {
  return segment !== undefined && segment !== '' && segment !== '.' && segment !== '..' && !/[\0\\/]/.test(segment)
}
