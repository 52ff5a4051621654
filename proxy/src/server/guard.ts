import type { Config } from '../config.ts'
import type { RequestHead } from '../request.ts'
import type { PageName } from './pages/page.ts'

/** An answer that the edge gives by itself, without looking for content. */
export type Verdict =
  | { kind: 'page'; status: number; page: PageName; reason: string; headers?: readonly string[] }
  | { kind: 'redirect'; status: 301 | 302; location: string }
  | { kind: 'text'; status: number; body: string; headers?: readonly string[] }
  | { kind: 'purge' }
  | { kind: 'challenge'; token: string }

export type GuardOptions = Pick<Config, 'httpsPort'> & {
  /** $BLOT_HOST; empty when the app is not Blot. */
  host: string
  /** May this request purge on the plain listener? (interface.md, last paragraph) */
  mayPurge(head: RequestHead): boolean
}

export type Guard = (head: RequestHead) => Verdict | undefined

const CHALLENGE = '/.well-known/acme-challenge/'
/** RFC 8555 8.3; the bound is ours, and that of the store. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/
/** Nothing but files, though the app may have them too. */
const ALLOWED_BY_CDN = ['GET', 'HEAD', 'OPTIONS']
const ALLOWED = 'GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH'

/** The stage `guard`: what is answered, refused or redirected before anything is looked up or forwarded. */
export function createGuard(options: GuardOptions): Guard {
  const port = options.httpsPort === 443 ? '' : `:${options.httpsPort}`

  return (head) => {
    const { site, target } = head
    if (head.method === 'CONNECT' || head.method === 'TRACE') return notAllowed(ALLOWED)
    if (!head.connection.covers(head.host)) {
      return { kind: 'page', status: 421, page: 'misdirected', reason: 'host is not the name of the certificate' }
    }
    if (head.scheme === 'http') {
      // A CA asks over port 80 for every host, and must not be sent elsewhere (RFC 8555 8.3).
      if (target.startsWith(CHALLENGE)) return judgeChallenge(target.slice(CHALLENGE.length))
      if (isPurge(head) && options.mayPurge(head)) return { kind: 'purge' }
    }
    if ((head.method === 'GET' || head.method === 'HEAD') && isPath(target, '/health') && isOurs(head, options.host)) {
      return { kind: 'text', status: 200, body: 'ok\n', headers: ['Cache-Control', 'no-store'] }
    }
    // The server as a whole (RFC 9110 9.3.7): no site's, and nothing that the app could be asked for.
    if (target === '*') return { kind: 'text', status: 200, body: '', headers: ['Allow', ALLOWED] }
    if (site.httpsOnly && head.scheme === 'http') {
      return { kind: 'redirect', status: 301, location: `https://${site.host}${port}${asciiOf(target)}` }
    }
    if (site.kind === 'cdn') {
      if (target === '/') return { kind: 'redirect', status: 302, location: `https://${options.host}${port}/` }
      if (!ALLOWED_BY_CDN.includes(head.method)) return notAllowed(ALLOWED_BY_CDN.join(', '))
    }
    return undefined
  }
}

/** RFC 9110 15.5.6. */
function notAllowed(allowed: string): Verdict {
  const headers = ['Allow', allowed]
  return { kind: 'page', status: 405, page: 'method-not-allowed', reason: 'method refused', headers }
}

/** RFC 3986 2.1: a location has no bytes beyond ASCII. */
function asciiOf(target: string): string {
  return target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
}

function judgeChallenge(token: string): Verdict {
  return TOKEN.test(token) ? { kind: 'challenge', token } : { kind: 'text', status: 404, body: 'no such challenge\n' }
}

function isPurge({ method, target }: RequestHead): boolean {
  return method === 'GET' && isPath(target, '/purge')
}

function isPath(target: string, path: string): boolean {
  return target.startsWith(path) && (target.length === path.length || target[path.length] === '?')
}

/** `/health` may be a page of somebody's site: the edge answers for its own names and for addresses only. */
function isOurs(head: RequestHead, blotHost: string): boolean {
  if (head.site.kind === 'address') return true
  return blotHost !== '' && (head.host === blotHost || head.host === 'localhost')
}
