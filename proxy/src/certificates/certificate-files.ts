import { readIfThere } from './whole-file.ts'
import { certificateFromPem } from './verify.ts'
import { CertificateInvalid } from '../errors.ts'
import type { StoredCertificate } from './contracts.ts'

const MAX_BYTES = 256 * 1024

/**
 * A certificate that an operator keeps in two PEM files, the chain with the leaf first.
 * @param name what it must cover, such as `*.example.com`.
 * Rejects with EDGE_ERR_CERTIFICATE_INVALID, or with the error of the file system.
 */
export async function readCertificateFiles(
  name: string,
  files: { certificateFile: string; keyFile: string },
): Promise<StoredCertificate> {
  const [chainPem, privateKeyPem] = await Promise.all([
    readIfThere(files.certificateFile, MAX_BYTES),
    readIfThere(files.keyFile, MAX_BYTES),
  ])
  if (chainPem === undefined) throw new CertificateInvalid(name, `${files.certificateFile} is missing`)
  if (privateKeyPem === undefined) throw new CertificateInvalid(name, `${files.keyFile} is missing`)
  return certificateFromPem({ name, chainPem, privateKeyPem, issuer: undefined })
}
