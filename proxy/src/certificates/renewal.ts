import type { StoredCertificate } from './contracts.ts'

type Validity = Pick<StoredCertificate, 'notBeforeMs' | 'notAfterMs'>

/** When a certificate is renewed: at two thirds of its lifetime, whatever that is (90 days, 6 days). */
export function renewalTimeMs({ notBeforeMs, notAfterMs }: Validity): number {
  return notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3
}

export function isDue(certificate: Validity, nowMs: number): boolean {
  return nowMs >= renewalTimeMs(certificate)
}

export function isExpired({ notAfterMs }: Validity, nowMs: number): boolean {
  return nowMs >= notAfterMs
}

/** What the ids of local CAs begin with; each has an id of its own, made of its root. */
export const LOCAL_ISSUER = 'local:'

/**
 * Was it issued by a local CA that is not the issuer now? Nobody trusts it then: the root was made anew, or the machine
 * moved on to a public CA.
 */
export function isOfFormerLocalIssuer(
  { issuer }: Pick<StoredCertificate, 'issuer'>,
  currentIssuer: string | undefined,
): boolean {
  return currentIssuer !== undefined && issuer !== currentIssuer && (issuer?.startsWith(LOCAL_ISSUER) ?? false)
}
