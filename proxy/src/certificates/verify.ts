import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { CertificateInvalid } from '../errors.ts'
import { isVaultName } from './names.ts'
import type { StoredCertificate } from './contracts.ts'

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g
/** Leaf and intermediates; no public CA has ever sent more than five. */
const MAX_CHAIN = 10
const MAX_PEM_LENGTH = 256 * 1024
const MIN_RSA_BITS = 2048

/**
 * Makes a certificate out of PEM text, as every vault and every issuer's answer must pass it: the chain parses, the key
 * belongs to the leaf, the leaf covers the name. An expired one passes: serving it beats serving none.
 * Throws EDGE_ERR_CERTIFICATE_INVALID with the reason.
 */
export function certificateFromPem(source: {
  name: string
  chainPem: string
  privateKeyPem: string
  issuer: string | undefined
}): StoredCertificate {
  const { name } = source
  if (!isVaultName(name)) throw new CertificateInvalid(JSON.stringify(name.slice(0, 64)), 'not a name')
  const [leaf] = parseChain(name, source.chainPem)
  const key = parseKey(name, source.privateKeyPem)
  if (!leaf.checkPrivateKey(key)) throw new CertificateInvalid(name, 'the key does not match')
  if (!coversName(leaf, name)) throw new CertificateInvalid(name, 'it does not cover that name')
  return {
    name,
    chainPem: source.chainPem,
    privateKeyPem: source.privateKeyPem,
    issuer: source.issuer,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
  }
}

/** @returns leaf first. Throws EDGE_ERR_CERTIFICATE_INVALID. */
export function parseChain(name: string, chainPem: string): [X509Certificate, ...X509Certificate[]] {
  if (chainPem.length > MAX_PEM_LENGTH) throw new CertificateInvalid(name, 'the chain is too long')
  const blocks = chainPem.match(PEM_CERTIFICATE) ?? []
  if (blocks.length > MAX_CHAIN) throw new CertificateInvalid(name, 'the chain is too long')
  const [leaf, ...rest] = blocks.map((block) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      throw new CertificateInvalid(name, 'the chain does not parse', { cause })
    }
  })
  if (leaf === undefined) throw new CertificateInvalid(name, 'the chain holds no certificate')
  return [leaf, ...rest]
}

/**
 * What a CA's fresh answer must show beyond `certificateFromPem`: each certificate signed by the next one
 * (RFC 8446 4.4.2), and valid now. Throws EDGE_ERR_CERTIFICATE_INVALID.
 */
export function verifyIssued(certificate: StoredCertificate, nowMs: number): void {
  const chain = parseChain(certificate.name, certificate.chainPem)
  for (const [index, issued] of chain.entries()) {
    const by = chain[index + 1]
    if (by === undefined) break
    if (!issued.checkIssued(by) || !issued.verify(by.publicKey)) {
      throw new CertificateInvalid(certificate.name, 'its chain is out of order')
    }
  }
  if (certificate.notAfterMs <= nowMs) throw new CertificateInvalid(certificate.name, 'it has expired')
  if (certificate.notBeforeMs > nowMs) throw new CertificateInvalid(certificate.name, 'it is not valid yet')
}

/**
 * Does the leaf cover this name or IP address? Only subject alternative names count, as in browsers (RFC 9110 4.3.4).
 * @param name `*.example.com` asks for the wildcard itself.
 */
export function coversName(leaf: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return leaf.checkIP(name) !== undefined
  return leaf.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined
}

/** Leaf and intermediates as one text, each block on lines of its own. */
export function joinPem(...parts: readonly string[]): string {
  const blocks = parts.map((part) => part.trim()).filter((part) => part !== '')
  return `${blocks.join('\n')}\n`
}

function parseKey(name: string, privateKeyPem: string): KeyObject {
  let key: KeyObject
  try {
    if (privateKeyPem.length > MAX_PEM_LENGTH) throw new RangeError('too long')
    key = createPrivateKey(privateKeyPem)
  } catch {
    // Without the cause: no part of a key may reach a log.
    throw new CertificateInvalid(name, 'the key does not parse')
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < MIN_RSA_BITS) throw new CertificateInvalid(name, `its RSA key has ${bits} bits only`)
  return key
}
