import { createHash } from 'node:crypto'
import type { Issuer, RenewalInfo, StoredCertificate } from './contracts.ts'

type Validity = Pick<StoredCertificate, 'notBeforeMs' | 'notAfterMs'> & { readonly issuer?: string | undefined }

/** The issuer of what an operator brings: no order replaces it before it expires. */
export const OWN_ISSUER = 'own'

/** When a certificate is renewed: at two thirds of its lifetime, whatever that is (90 days, 6 days). */
export function renewalTimeMs({ notBeforeMs, notAfterMs, issuer }: Validity): number {
  if (issuer === OWN_ISSUER) return notAfterMs
  return notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3
}

export function isDue(certificate: Validity, nowMs: number): boolean {
  return nowMs >= renewalTimeMs(certificate)
}

export function isExpired({ notAfterMs }: Validity, nowMs: number): boolean {
  return nowMs >= notAfterMs
}

/** Is the last tenth of its life running? */
export function isExpiring({ notBeforeMs, notAfterMs }: Validity, nowMs: number): boolean {
  return nowMs >= notAfterMs - (notAfterMs - notBeforeMs) / 10
}

/** From 0 up to 1, always the same for a name: spreads what would else happen at one time. */
export function shareOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE() / 2 ** 32
}

/** When the schedule renews it: up to a twentieth of its life before the two thirds, so that certificates of one day do not come in one. */
export function scheduledTimeMs(certificate: Validity & { readonly name: string }): number {
  const { notBeforeMs, notAfterMs, name, issuer } = certificate
  if (issuer === OWN_ISSUER) return notAfterMs
  return renewalTimeMs(certificate) - ((notAfterMs - notBeforeMs) / 20) * shareOf(name)
}

/** The moment of a name in the window that the CA suggests (RFC 9773 4.2). */
export function suggestedTimeMs({ startMs, endMs }: RenewalInfo, name: string): number {
  return startMs + (endMs - startMs) * shareOf(name)
}

/** Where the CA may suggest a time, it is asked within hours: a mass revocation tells of itself this way (RFC 9773 4.3). */
const FIRST_ASK_MS = 6 * 3600_000

/** When a new certificate is looked at for the first time. */
export function firstLookMs(
  certificate: Validity & { readonly name: string },
  { renewalInfo }: Pick<Issuer, 'renewalInfo'>,
  nowMs: number,
): number {
  const scheduledMs = scheduledTimeMs(certificate)
  if (renewalInfo === undefined) return scheduledMs
  return Math.min(scheduledMs, nowMs + FIRST_ASK_MS * (1 + shareOf(certificate.name)))
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
