import { createSecureContext } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import { CertificateInvalid } from '../errors.ts'
import { coversName, parseChain } from './verify.ts'
import type { StoredCertificate } from './contracts.ts'

/** A certificate made ready for handshakes. */
export type ContextEntry = {
  readonly name: string
  readonly context: SecureContext
  /** Does it cover this normalised name or IP address? */
  covers(host: string): boolean
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

const TLS13_CIPHERS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
/** Forward secrecy and AEAD only (RFC 9325 4.2). */
const TLS12_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
]
/** For clients without elliptic curves; offered only where the operator gave parameters for it. */
const DHE_CIPHERS = ['DHE-RSA-AES128-GCM-SHA256', 'DHE-RSA-AES256-GCM-SHA384']

/** A session may be resumed for so long; a ticket key lives that much longer than it encrypts. */
const SESSION_SECONDS = 12 * 3600

/** The TLS settings of every context: TLS 1.2 and 1.3; all suites are good ones, so the visitor's order decides. */
export function tlsSettings(dhparamsPem: string | undefined): SecureContextOptions {
  const ciphers = [...TLS13_CIPHERS, ...TLS12_CIPHERS, ...(dhparamsPem === undefined ? [] : DHE_CIPHERS)]
  return {
    minVersion: 'TLSv1.2',
    ciphers: ciphers.join(':'),
    ecdhCurve: 'auto',
    honorCipherOrder: false,
    // The same in every process: Node would make it out of the command line.
    sessionIdContext: 'blot-edge',
    sessionTimeout: SESSION_SECONDS,
    ...(dhparamsPem === undefined ? {} : { dhparam: dhparamsPem }),
  }
}

/** Throws EDGE_ERR_CERTIFICATE_INVALID for what OpenSSL refuses to serve. */
export function createContextEntry(certificate: StoredCertificate, settings: SecureContextOptions): ContextEntry {
  const { name, chainPem, privateKeyPem, notBeforeMs, notAfterMs } = certificate
  // Parsed when first needed: most connections ask for the name itself alone, and what OpenSSL parsed takes memory.
  let leaf: X509Certificate | undefined
  const covers = (host: string): boolean => host === name || coversName((leaf ??= parseChain(name, chainPem)[0]), host)
  try {
    const context = createSecureContext({ ...settings, cert: chainPem, key: privateKeyPem })
    return { name, context, notBeforeMs, notAfterMs, covers }
  } catch (cause) {
    throw new CertificateInvalid(name, 'TLS refuses it', { cause })
  }
}
