import { CertificateInvalid } from '../errors.ts'
import { makeLeaf } from './issuers/leaf.ts'
import { generateServerKey } from './keys.ts'
import { isDue } from './renewal.ts'
import { certificateFromPem, joinPem } from './verify.ts'
import type { Issuer, StoredCertificate, Vault } from './contracts.ts'

export type FallbackOptions = {
  /** A vault of its own, in the data directory of this machine. */
  readonly vault: Vault
  readonly blotHost: string
  /** The CA of our own, where there is one: then a visitor who trusts it trusts the fallback too. */
  readonly issuer?: Issuer | undefined
  readonly now?: () => number
}

const DAY_MS = 24 * 3600_000
const SELF_SIGNED_MS = 365 * DAY_MS
const SELF = 'self'
const MACHINE_NAMES = ['localhost', '127.0.0.1', '::1']

/**
 * The certificate for visitors who name no site, and for names whose own is not ready: the kept one, or a new one when that
 * is due, unusable, or of another issuer. Covers $BLOT_HOST, localhost, 127.0.0.1 and ::1. A configured wildcard
 * certificate takes its place; then this is not called.
 */
export async function openFallback(options: FallbackOptions): Promise<StoredCertificate> {
  const { vault, blotHost, issuer, now = Date.now } = options
  const kept = await readKept(vault, blotHost)
  if (kept !== undefined && kept.issuer === (issuer?.id ?? SELF) && !isDue(kept, now())) return kept
  const made = await make(blotHost, issuer, now())
  await vault.write(made)
  return made
}

async function readKept(vault: Vault, name: string): Promise<StoredCertificate | undefined> {
  try {
    return await vault.read(name)
  } catch (error) {
    if (error instanceof CertificateInvalid) return undefined
    throw error
  }
}

async function make(blotHost: string, issuer: Issuer | undefined, nowMs: number): Promise<StoredCertificate> {
  const names = [blotHost, ...MACHINE_NAMES]
  const privateKeyPem = await generateServerKey()
  if (issuer !== undefined) {
    const issued = await issuer.issue({ names, privateKeyPem, signal: AbortSignal.timeout(60_000) })
    const chainPem = joinPem(issued.certificatePem, issued.chainPem)
    return certificateFromPem({ name: blotHost, chainPem, privateKeyPem, issuer: issuer.id })
  }
  const chainPem = await makeLeaf({
    names,
    privateKeyPem,
    nowMs,
    notAfterMs: nowMs + SELF_SIGNED_MS,
    signer: undefined,
  })
  return certificateFromPem({ name: blotHost, chainPem, privateKeyPem, issuer: SELF })
}
