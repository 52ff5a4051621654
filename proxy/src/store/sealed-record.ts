import { certificateFromPem } from '../certificates/verify.ts'
import { CertificateInvalid } from '../errors.ts'
import type { StoredCertificate } from '../certificates/contracts.ts'
import type { Sealer } from './seal.ts'

/** A certificate as a vault found it: nothing of it is believed. */
export type FoundRecord = {
  readonly name: string
  readonly chainPem: unknown
  /** PEM, sealed or in the clear. */
  readonly privateKey: unknown
  readonly issuer: unknown
}

export type OpenedRecord = {
  readonly certificate: StoredCertificate
  /** Its key is to be sealed anew. */
  readonly isOutdated: boolean
}

/** Throws EDGE_ERR_CERTIFICATE_INVALID for what must not be served, and EDGE_ERR_STORE_KEY_UNKNOWN. */
export function openRecord({ name, chainPem, privateKey, issuer }: FoundRecord, sealer: Sealer): OpenedRecord {
  if (typeof chainPem !== 'string' || typeof privateKey !== 'string') throw damaged(name)
  const { plain, isOutdated } = sealer.open(privateKey, labelOf(name))
  if (plain === undefined) throw damaged(name)
  const source = { name, chainPem, privateKeyPem: plain, issuer: typeof issuer === 'string' ? issuer : undefined }
  return { certificate: certificateFromPem(source), isOutdated }
}

/** What the key of a certificate is sealed as. */
export function labelOf(name: string): string {
  return `certificate:${name}`
}

export function damaged(name: string, cause?: unknown): Error {
  return new CertificateInvalid(name, 'its record in the vault is damaged', { cause })
}
