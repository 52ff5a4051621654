import { createPrivateKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { LOCAL_ISSUER } from '../renewal.ts'
import { makeLeaf } from './leaf.ts'
import { openLocalRoot } from './local-root.ts'
import { loadX509 } from './x509.ts'
import type { Issuer } from '../contracts.ts'

export type LocalIssuer = Issuer & {
  /** The root certificate, for whoever is to trust it. */
  readonly rootPem: string
  readonly rootFile: string
}

const DAY_MS = 24 * 3600_000
/** Short, since nothing revokes a leaf of this CA. */
const LEAF_MS = 7 * DAY_MS

/**
 * A CA of our own, for development and machines without a public name. Its root is made once and kept in
 * `<directory>/local-ca`. Rejects with EDGE_ERR_LOCAL_ROOT_INVALID when what is there cannot be used.
 */
export async function openLocalIssuer(directory: string, now: () => number = Date.now): Promise<LocalIssuer> {
  const folder = join(directory, 'local-ca')
  const root = await openLocalRoot(folder, now())
  // Loaded now, so that the first order does not wait for it.
  await loadX509()
  const signer = { certificatePem: root.certificatePem, key: createPrivateKey(root.privateKeyPem) }
  return {
    id: localIssuerId(root.certificatePem),
    rootPem: root.certificatePem,
    rootFile: root.certificateFile,
    async issue({ names, privateKeyPem, signal }) {
      signal.throwIfAborted()
      const notAfterMs = Math.min(now() + LEAF_MS, root.notAfterMs)
      const certificatePem = await makeLeaf({ names, privateKeyPem, notAfterMs, nowMs: now(), signer })
      return { certificatePem, chainPem: '' }
    },
  }
}

/** The id that a local CA's certificates carry: `local:` and the beginning of its root's fingerprint. */
export function localIssuerId(rootPem: string): string {
  const { fingerprint256 } = new X509Certificate(rootPem)
  return LOCAL_ISSUER + fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()
}
