import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { loadX509 } from './x509.ts'

export const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
export const SHA256 = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Clocks of phones are often behind; a certificate is valid from a little before its making. */
export const BACKDATE_MS = 3600_000
/** RFC 5280, upper bound of a common name. */
const MAX_COMMON_NAME = 64

export type LeafOrder = {
  /** DNS names, wildcards and IP addresses; at least one. */
  readonly names: readonly string[]
  readonly privateKeyPem: string
  readonly notAfterMs: number
  readonly nowMs: number
  /** Undefined: signed by the leaf's own key. */
  readonly signer: { readonly certificatePem: string; readonly key: KeyObject } | undefined
}

/** A server certificate (RFC 5280 4.2, CA/Browser Forum baseline profile). @returns PEM. */
export async function makeLeaf(order: LeafOrder): Promise<string> {
  const x509 = await loadX509()
  const [first = ''] = order.names
  const publicKey = createPublicKey(order.privateKeyPem).toCryptoKey(P256, true, ['verify'])
  const signer = order.signer && new x509.X509Certificate(order.signer.certificatePem)
  const signingKey = order.signer?.key ?? createPrivateKey(order.privateKeyPem)
  const subject = new x509.Name(first.length <= MAX_COMMON_NAME ? [{ CN: [{ utf8String: first }] }] : [])
  const alternatives = order.names.map((name) => ({
    type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const),
    value: name,
  }))
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerial(),
      subject,
      issuer: signer?.subjectName ?? subject,
      notBefore: new Date(order.nowMs - BACKDATE_MS),
      notAfter: new Date(order.notAfterMs),
      publicKey,
      signingKey: signingKey.toCryptoKey(P256, false, ['sign']),
      signingAlgorithm: SHA256,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        // RFC 5280 4.2.1.6: critical where there is no subject.
        new x509.SubjectAlternativeNameExtension(alternatives, first.length > MAX_COMMON_NAME),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(signer?.publicKey ?? publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return `${certificate.toString('pem')}\n`
}

/** 127 random bits as hex, positive and never 0 (RFC 5280 4.1.2.2; at least 64 random bits are asked of a CA). */
export function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
