import { LRUCache } from 'lru-cache'
import {
  AcmeProblem,
  CertificateBusy,
  CertificateBackOff,
  CertificateDenied,
  CertificateLimited,
  PermissionUnavailable,
  StoreFenced,
  StoreUnavailable,
  codeOf,
} from '../errors.ts'
import { backOffMs } from './back-off.ts'
import type { Failure, Failures } from './contracts.ts'

/** Remembers which names failed, for all machines, so that a broken one is not tried at every handshake. */
export type FailureMemory = {
  /** Rejects with EDGE_ERR_CERTIFICATE_BACK_OFF while the name waits for its next try. */
  check(name: string): Promise<void>
  /** Never rejects. With the store away, the CA's challenges could not be answered: that is not the name's failure. */
  add(name: string, error: unknown): Promise<void>
  /** Never rejects. */
  clear(name: string): Promise<void>
  /** Another process changed something about this name: the store is asked again. */
  forget(name: string): void
}

const MAX_NAMES = 10_000
/** Of the CA's words, this much is kept. */
const MAX_DETAIL = 1_000

export function createFailureMemory(store: Failures, now: () => number): FailureMemory {
  // In front of the store, so that a broken name costs no read at each try.
  const known = new LRUCache<string, Failure>({ max: MAX_NAMES })

  async function find(name: string): Promise<Failure | undefined> {
    const held = known.get(name)
    if (held !== undefined && now() < held.nextTryAtMs) return held
    return store.read(name)
  }

  return {
    async check(name) {
      const failure = await find(name)
      if (failure === undefined || now() >= failure.nextTryAtMs) return
      known.set(name, failure)
      const seconds = Math.ceil((failure.nextTryAtMs - now()) / 1_000)
      throw new CertificateBackOff(name, failure.kind ?? failure.code, seconds)
    },
    async add(name, error) {
      if (!isOfName(error)) return
      try {
        const before = await store.read(name)
        const failure = describe(error, (before?.count ?? 0) + 1, now())
        await store.write(name, failure)
        known.set(name, failure)
      } catch {
        // The store is away, which it said itself.
      }
    },
    async clear(name) {
      known.delete(name)
      await store.remove(name).catch(() => undefined)
    },
    forget: (name) => void known.delete(name),
  }
}

function describe(error: unknown, count: number, atMs: number): Failure {
  const problem = error instanceof AcmeProblem ? error.problem : undefined
  const words = problem?.detail ?? (error instanceof Error ? error.message : '')
  // The reason of a whole order often stands with one of its names (RFC 8555 6.7.1).
  const first = problem?.subproblems?.[0]
  return {
    count,
    atMs,
    nextTryAtMs: atMs + backOffMs(error, count),
    code: codeOf(error),
    kind: first?.kind ?? problem?.kind,
    detail: (first?.detail ?? words).slice(0, MAX_DETAIL),
  }
}

/** A store that is away, a limit of all names, or a permission that was withdrawn, says nothing about the next try. */
function isOfName(error: unknown): boolean {
  const others = [
    StoreUnavailable,
    StoreFenced,
    PermissionUnavailable,
    CertificateDenied,
    CertificateBusy,
    CertificateLimited,
  ]
  return !others.some((kind) => error instanceof kind)
}
