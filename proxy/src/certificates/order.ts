import { AcmeProblem } from '../errors.ts'
import { untilAborted } from './deadline.ts'
import { loadX509 } from './issuers/x509.ts'
import { generateServerKey } from './keys.ts'
import { certificateFromPem, joinPem, verifyIssued } from './verify.ts'
import type { Issuer, RenewalInfo, StoredCertificate } from './contracts.ts'
import type { OrderBudgets, OrderKind } from './order-budgets.ts'

export type OrderOptions = {
  readonly issuer: Issuer
  /** Undefined for a CA of our own, which has no limits. */
  readonly budgets?: OrderBudgets | undefined
  readonly now: () => number
}

/**
 * Has a certificate issued, for a key of its own, within the CA's limits. Nothing of the issuer's answer is believed unchecked.
 * @param stored the certificate that it takes the place of.
 */
export async function placeOrder(
  name: string,
  stored: StoredCertificate | undefined,
  options: OrderOptions,
  signal: AbortSignal,
): Promise<StoredCertificate> {
  const { issuer, now } = options
  // One of no known issuer was imported: from the same CA, for all anybody knows, which exempts the same names then.
  const kind = stored !== undefined && (stored.issuer ?? issuer.id) === issuer.id ? 'renewal' : 'first'
  const known = stored?.issuer === issuer.id ? await askAbout(stored, issuer, signal) : undefined
  if (stored === undefined || known === undefined) return place(name, kind, undefined, options, signal)
  try {
    const replaces = await identifierOf(stored.chainPem)
    return await place(name, known.startMs <= now() ? 'replacement' : kind, replaces, options, signal)
  } catch (error) {
    if (!isAboutReplacement(error)) throw error
    // Another machine replaced it, or the CA forgot it (RFC 9773 5): then it is an order like others.
    return place(name, kind, undefined, options, signal)
  }
}

/** What the CA has to say of a certificate; only one that it speaks of can be named as replaced. */
async function askAbout(
  { chainPem }: StoredCertificate,
  { renewalInfo }: Issuer,
  signal: AbortSignal,
): Promise<RenewalInfo | undefined> {
  return renewalInfo?.(chainPem, signal).catch(() => undefined)
}

async function place(
  name: string,
  kind: OrderKind,
  replaces: string | undefined,
  { issuer, budgets, now }: OrderOptions,
  signal: AbortSignal,
): Promise<StoredCertificate> {
  const taken = await budgets?.take(name, kind)
  const privateKeyPem = await generateServerKey()
  try {
    const issued = await untilAborted(issuer.issue({ names: [name], privateKeyPem, replaces, signal }), signal)
    const chainPem = joinPem(issued.certificatePem, issued.chainPem)
    const certificate = certificateFromPem({ name, chainPem, privateKeyPem, issuer: issuer.id })
    verifyIssued(certificate, now())
    return certificate
  } catch (error) {
    // A store that is away by now counts nothing; the reason of the order is what matters.
    await taken?.failed(error).catch(() => undefined)
    throw error
  }
}

function isAboutReplacement(error: unknown): boolean {
  if (!(error instanceof AcmeProblem)) return false
  const { kind, detail } = error.problem
  // Let's Encrypt says `conflict`, as the drafts did.
  return kind === 'alreadyReplaced' || (/replac/i.test(detail) && ['conflict', 'malformed', 'notFound'].includes(kind))
}

/** Key identifier of the issuer and serial number, as RFC 9773 4.1 joins them. @returns undefined where there is no such identifier. */
export async function identifierOf(chainPem: string): Promise<string | undefined> {
  const { AuthorityKeyIdentifierExtension, X509Certificate } = await loadX509()
  const leaf = new X509Certificate(chainPem)
  const keyId = leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId
  if (keyId === undefined) return undefined
  const hex = leaf.serialNumber.length % 2 === 0 ? leaf.serialNumber : `0${leaf.serialNumber}`
  const serial = Buffer.from(hex, 'hex')
  // DER shows a positive number by a leading zero octet, which belongs to the identifier.
  const positive = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), serial]) : serial
  return `${Buffer.from(keyId, 'hex').toString('base64url')}.${positive.toString('base64url')}`
}
