import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'
import { P256, SHA256 } from '../leaf.ts'
import { loadX509 } from '../x509.ts'

/** A certificate request for a P-256 key (RFC 2986). The names stand where browsers look; a common name could not hold long ones. @returns PEM. */
export async function makeCsr(names: readonly string[], privateKeyPem: string): Promise<string> {
  const x509 = await loadX509()
  const key = createPrivateKey(privateKeyPem)
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      keys: {
        privateKey: key.toCryptoKey(P256, false, ['sign']),
        publicKey: createPublicKey(key).toCryptoKey(P256, true, ['verify']),
      },
      signingAlgorithm: SHA256,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: 'dns' as const, value })),
          true,
        ),
      ],
    },
    webcrypto,
  )
  return request.toString('pem')
}
