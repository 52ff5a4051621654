import { LRUCache } from 'lru-cache'
import { createContextEntry } from './secure-context.ts'
import type { SecureContextOptions } from 'node:tls'
import type { StoredCertificate } from './contracts.ts'
import type { ContextEntry } from './secure-context.ts'

export type HeldContext = {
  readonly entry: ContextEntry
  /** From then on, the next use asks in the background whether the name is still permitted and the certificate due. */
  lookAgainAtMs: number
}

/** The contexts in memory: least recently used out first, bounded by count and bytes. */
export type Contexts = {
  get(name: string): HeldContext | undefined
  /** Changes with every `drop`: work that began before one must not bring the dropped certificate back. */
  readonly generation: number
  /** Makes a context and keeps it, unless something was dropped since `generation`. Throws EDGE_ERR_CERTIFICATE_INVALID. */
  hold(certificate: StoredCertificate, lookAgainAtMs: number, generation: number): HeldContext
  drop(name: string): void
  clear(): void
  size(): { contexts: number; bytes: number }
}

/** OpenSSL's memory for one context, measured; the chain's own comes on top. */
const CONTEXT_BYTES = 32 * 1024

export function createContexts(limits: { contexts: number; bytes: number }, settings: SecureContextOptions): Contexts {
  const held = new LRUCache<string, HeldContext>({ max: limits.contexts, maxSize: limits.bytes })
  let generation = 0
  return {
    get: (name) => held.get(name),
    get generation() {
      return generation
    },
    hold(certificate, lookAgainAtMs, since) {
      const context: HeldContext = { entry: createContextEntry(certificate, settings), lookAgainAtMs }
      const size = CONTEXT_BYTES + certificate.chainPem.length
      if (since === generation) held.set(certificate.name, context, { size })
      return context
    },
    drop(name) {
      generation += 1
      held.delete(name)
    },
    clear() {
      generation += 1
      held.clear()
    },
    size: () => ({ contexts: held.size, bytes: held.calculatedSize }),
  }
}
