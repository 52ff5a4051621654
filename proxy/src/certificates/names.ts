import { normaliseName } from '../site/name.ts'

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
 * The domain that somebody registered, as far as its shape tells: `example.com`, `example.co.uk`. Only for sharing out
 * places in a queue, so a guess is enough: under a country's two letters, up to three letters are a registry's.
 */
export function registeredDomain(name: string): string {
  const labels = name.split('.')
  const [second = '', top = ''] = labels.slice(-2)
  const count = top.length === 2 && second.length <= 3 ? 3 : 2
  return labels.slice(-count).join('.')
}
