import { generateKeyPairSync } from 'node:crypto'
import { makeLeaf } from '../../src/certificates/issuers/leaf.ts'
import { certificateFromPem } from '../../src/certificates/verify.ts'
import { CertificateInvalid } from '../../src/errors.ts'
import type { StoredCertificate, Vault } from '../../src/certificates/contracts.ts'

export const DAY_MS = 24 * 3600_000

export function makeKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
}

/** A self-signed certificate, as a vault holds it. `daysLeft` below 0 has expired. */
export async function makeCertificate(
  name: string,
  options: { names?: string[]; daysLeft?: number; madeAtMs?: number; privateKeyPem?: string; issuer?: string } = {},
): Promise<StoredCertificate> {
  const { names = [name], daysLeft = 90, privateKeyPem = makeKey(), issuer } = options
  const notAfterMs = Date.now() + daysLeft * DAY_MS
  const nowMs = options.madeAtMs ?? Math.min(Date.now(), notAfterMs - 90 * DAY_MS)
  const chainPem = await makeLeaf({ names, privateKeyPem, nowMs, notAfterMs, signer: undefined })
  return certificateFromPem({ name, chainPem, privateKeyPem, issuer })
}

/** A vault in memory, for tests that are not about storing; `reads` counts. */
export function memoryVault(): Vault & { readonly certificates: Map<string, StoredCertificate>; reads: number } {
  const certificates = new Map<string, StoredCertificate>()
  return {
    certificates,
    reads: 0,
    async read(name) {
      this.reads += 1
      return certificates.get(name)
    },
    async write(certificate) {
      certificates.set(certificate.name, certificate)
    },
    async remove(name) {
      certificates.delete(name)
    },
    async *names() {
      yield* certificates.keys()
    },
    close: async () => {},
  }
}

/** Is it EDGE_ERR_CERTIFICATE_INVALID, for this reason? */
export function invalid(reason: RegExp): { code: string; message: RegExp } {
  return { code: new CertificateInvalid('', '').code, message: reason }
}
