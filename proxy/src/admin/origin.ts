import type { IncomingHttpHeaders } from 'node:http'
import { isIPv4 } from 'node:net'

/** The host of a `Host` field, without port and brackets, in lower case. */
export function hostOf(authority: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(authority)
  return (bracketed?.[1] ?? authority.replace(/:\d*$/, '')).toLowerCase()
}

/** Is this host certainly this machine, whatever any DNS says? (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3) */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/**
 * Does a page of another origin send this? Browsers say so in `Sec-Fetch-Site`, older ones by `Origin`; programs send
 * neither. `none` is a person who typed the address.
 */
export function isCrossSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (headers.origin === undefined) return false
  return URL.parse(headers.origin)?.host !== headers.host?.toLowerCase()
}
