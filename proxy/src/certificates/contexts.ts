import { LRUCache } from 'lru-cache'
import { createContextEntry } from './secure-context.ts'
import type { SecureContext, SecureContextOptions } from 'node:tls'
import type { StoredCertificate } from './contracts.ts'
import type { ContextEntry } from './secure-context.ts'

export type HeldContext = {
  readonly entry: ContextEntry
  /** What it takes in memory, about. */
  readonly bytes: number
  /** By a clock that nobody sets. From then on, the next use asks in the background whether the name is still permitted and the certificate due. */
  lookAgainAtMs: number
}

/** The contexts in memory: least recently used out first, bounded by count and bytes. */
export type Contexts = {
  get(name: string): HeldContext | undefined
  /** What is held now, the most recently used first. */
  all(): HeldContext[]
  keep(held: HeldContext): void
  drop(name: string): void
  clear(): void
  size(): { contexts: number; bytes: number }
}

/** OpenSSL's memory for one context, measured; the chain's own comes on top. */
const CONTEXT_BYTES = 32 * 1024
/** A handshake that was just given a context hands it to OpenSSL well within this time. */
const GRACE_MS = 1_000

/** Throws EDGE_ERR_CERTIFICATE_INVALID. */
export function makeContext(
  certificate: StoredCertificate,
  settings: SecureContextOptions,
  lookAgainAtMs: number,
): HeldContext {
  const bytes = CONTEXT_BYTES + certificate.chainPem.length
  return { entry: createContextEntry(certificate, settings), bytes, lookAgainAtMs }
}

/**
 * Frees OpenSSL's memory. The garbage collector knows nothing of it and would come too late: 40,000 names
 * through 1,000 places took 1 GB. Connections that use the context keep what they need of it.
 */
function release({ context }: SecureContext): void {
  const native: { close?: () => void } = context
  native.close?.()
}

export function createContexts(limits: { contexts: number; bytes: number }, graceMs: number = GRACE_MS): Contexts {
  const contexts = new LRUCache<string, HeldContext>({
    max: limits.contexts,
    maxSize: limits.bytes,
    dispose: (held) => setTimeout(() => release(held.entry.context), graceMs).unref(),
  })
  return {
    get: (name) => contexts.get(name),
    all: () => [...contexts.values()],
    keep(held) {
      contexts.set(held.entry.name, held, { size: held.bytes })
    },
    drop(name) {
      contexts.delete(name)
    },
    clear() {
      contexts.clear()
    },
    size: () => ({ contexts: contexts.size, bytes: contexts.calculatedSize }),
  }
}
