import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'

/** A DNS label in its ASCII form (RFC 5890 2.3.1; the underscore as in service names, RFC 8552). */
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/
const PLAIN = /^[a-z0-9._-]+$/
const INTERNATIONAL = /^[a-z0-9._\-\u{80}-\u{10ffff}]+$/u

/** Characters of a name before it is normalised: letters beyond ASCII become longer or shorter. */
export const MAX_RAW_NAME = 512

/**
 * The one form of a host name used for SNI, `Host`, `:authority`, keys, folders and purges: lower case, IDN as ASCII,
 * no trailing dot, no port. `localhost` and other single labels are names; IP addresses are not.
 * @returns undefined for what is no host name (RFC 1123 2.1, RFC 5890): IP address, bad label, over 253 octets.
 */
export function normaliseName(raw: string): string | undefined {
  if (raw.length === 0 || raw.length > MAX_RAW_NAME) return undefined
  let name = raw.toLowerCase()
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (!PLAIN.test(name)) {
    // Only letters beyond ASCII go through IDNA: the URL parser beneath would also decode `%2e` and the like.
    if (!INTERNATIONAL.test(name)) return undefined
    name = domainToASCII(name)
  }
  if (name.length === 0 || name.length > 253 || isIP(name) !== 0) return undefined
  for (const label of name.split('.')) if (!LABEL.test(label)) return undefined
  // A last label of digits alone can only be a mangled IPv4 address (WHATWG URL, "ends in a number").
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name)) return undefined
  return name
}

/** A name without its first label, or undefined for a single label. */
export function parentOf(name: string): string | undefined {
  const dot = name.indexOf('.')
  return dot === -1 ? undefined : name.slice(dot + 1)
}
