import type { RequestHead } from '../../request.ts'

/**
 * Fields by which some frameworks let a request be about another one. They are no part of any key: whoever sends one gets his
 * answer, and nobody else gets it.
 */
const OVERRIDES: ReadonlySet<string> = new Set([
  'forwarded',
  'front-end-https',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-protocol',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-middleware-subrequest',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-url-scheme',
])

/** What `Connection` names without taking anything from the request: its own options, and fields that are for the next hop anyway. */
const ABOUT_CONNECTION = /^(?:[ \t,]|(?:close|keep-alive|te|upgrade|http2-settings|proxy-connection)(?![^ \t,]))*$/i

/** A browser's head has 1 to 3 KB; an app that refuses larger ones refuses them to their sender alone. */
const MAX_HEAD_BYTES = 8 * 1024
const MAX_TARGET_BYTES = 2 * 1024

/** What keeps a request from being answered by what others are answered by. */
export type Bypass =
  | 'site'
  | 'method'
  | 'body'
  | 'if-match'
  | 'event stream'
  | 'connection'
  | 'long target'
  | 'foreign host'
  | 'override field'
  | 'large head'

/**
 * Is this a request whose answer may be shared: one that says everything by its key? Not the form of the answer is judged here, but whether
 * anything else of the request may have shaped it.
 * @returns undefined: it is.
 */
export function whyBypassed(head: RequestHead, hasBody: boolean): Bypass | undefined {
  const { method, headers, target } = head
  if (!head.site.cacheable) return 'site'
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  if (hasBody) return 'body'
  // RFC 9111 4.3.2: these are for the origin to judge.
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'if-match'
  if (headers.accept?.includes('text/event-stream') === true) return 'event stream'
  // Fields that `Connection` names do not reach the app, though `Vary` may name them as well (RFC 9110 7.6.1).
  if (headers.connection !== undefined && !ABOUT_CONNECTION.test(headers.connection)) return 'connection'
  if (target.length > MAX_TARGET_BYTES) return 'long target'
  return isPlainAuthority(head) ? judgeFields(head) : 'foreign host'
}

/** The key holds the normalised name; the app sees the field as it was sent, and may put it into links. */
function isPlainAuthority({ authority, host, connection }: RequestHead): boolean {
  return authority === host || authority === `${host}:${connection.localPort}`
}

function judgeFields(head: RequestHead): 'override field' | 'large head' | undefined {
  const { rawHeaders } = head
  let bytes = 0
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    bytes += name.length + value.length + 4
    if (!/^[xf]/i.test(name)) continue
    // Some servers read `_` as `-` (RFC 3875 4.1.18).
    const known = name.toLowerCase().replaceAll('_', '-')
    if (OVERRIDES.has(known) && !saysAsKey(known, value, head)) return 'override field'
  }
  return bytes <= MAX_HEAD_BYTES ? undefined : 'large head'
}

/** A proxy in front adds them to every request: where it tells the app no more than the key does, everybody may have the answer. */
function saysAsKey(name: string, value: string, { authority, scheme }: RequestHead): boolean {
  switch (name) {
    case 'x-forwarded-host':
      return value === authority
    case 'x-forwarded-port':
      return value === (scheme === 'https' ? '443' : '80')
    case 'x-forwarded-protocol':
    case 'x-forwarded-scheme':
    case 'x-url-scheme':
      return value === scheme
    case 'front-end-https':
    case 'x-forwarded-ssl':
      return value === (scheme === 'https' ? 'on' : 'off')
    default:
      return false
  }
}
