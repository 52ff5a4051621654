import { isIP, isIPv6 } from 'node:net'
import type { RequestHead } from '../request.ts'

/**
 * The fields by which a visitor's identity travels, in lower case, and those by which the app knows a webhook again. What a stranger put
 * into them never passes.
 */
export const FORWARDING_FIELDS: ReadonlySet<string> = new Set([
  'edge-webhook-attempt',
  'edge-webhook-id',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

/** A `token` of RFC 9110 5.6.2: what a parameter's value may be without quotes. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i

/**
 * Who asks, for whom, and how, as a flat header list. What a trusted proxy said is kept: lists get our peer appended,
 * single values stand. What anybody else said is replaced.
 * @param httpsPort the port that links over https must carry.
 */
export function forwardingHeaders(head: RequestHead, httpsPort: number): string[] {
  const { connection, scheme, authority } = head
  const { address } = connection
  const said = (name: string): string | undefined => (connection.trusted ? single(head.headers[name]) : undefined)
  const proto = said('x-forwarded-proto')?.toLowerCase()
  const realIp = said('x-real-ip')
  const port = said('x-forwarded-port')
  return [
    'X-Forwarded-For',
    append(said('x-forwarded-for'), address),
    'X-Forwarded-Proto',
    proto === 'http' || proto === 'https' ? proto : scheme,
    'X-Forwarded-Host',
    said('x-forwarded-host') ?? authority,
    'X-Forwarded-Port',
    port !== undefined && /^\d{1,5}$/.test(port) ? port : String(httpsPort),
    'X-Real-IP',
    realIp !== undefined && isIP(realIp) !== 0 ? realIp : address,
    'Forwarded',
    append(said('forwarded'), forwardedElement(address, authority, scheme)),
    'X-Request-ID',
    head.id,
  ]
}

/** RFC 7239 4: one `forwarded-element`; the port of an address is not told. */
function forwardedElement(address: string, authority: string, scheme: string): string {
  const node = isIPv6(address) ? `"[${address}]"` : isIP(address) === 0 ? 'unknown' : address
  return `for=${node};host=${quoteUnlessToken(authority)};proto=${scheme}`
}

function quoteUnlessToken(value: string): string {
  return TOKEN.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`
}

function append(list: string | undefined, item: string): string {
  return list === undefined || list === '' ? item : `${list}, ${item}`
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
