import { getDomain } from 'tldts'
import { normaliseName } from '../site/name.ts'

/** Names are normalised before they come here. */
const SUFFIXES = { allowPrivateDomains: true, extractHostname: false, validateHostname: false, detectIp: false }

/**
 * The name check of a handshake: the raw server name made into a name that may have a certificate.
 * @param localNames may `localhost` have one? (A CA of our own gives one, a public CA never.)
 * @returns undefined for an IP address, a single label, a bad label, over 253 octets, and for what only scanners send.
 */
export function checkServerName(raw: string, localNames: boolean): string | undefined {
  const name = normaliseName(raw)
  if (name === undefined) return undefined
  if (name === 'localhost') return localNames ? name : undefined
  if (!name.includes('.')) return undefined
  return name.startsWith('www.www.') ? undefined : name
}

/** Is it a name that a vault may hold: a normalised name, or `*.` and one? */
export function isVaultName(name: string): boolean {
  const host = name.startsWith('*.') ? name.slice(2) : name
  return normaliseName(host) === host
}

/**
 * The domain that somebody registered, by the public suffix list with its private part, as CAs count them: `example.com`,
 * `example.co.uk`, `me.github.io`. A name that is a suffix itself counts as one.
 */
export function registeredDomain(name: string): string {
  return getDomain(name, SUFFIXES) ?? name
}
