import { LRUCache } from 'lru-cache'
import { CertificateBackOff, CertificateDenied, PermissionUnavailable, StoreUnavailable, codeOf } from '../errors.ts'

export type FailureOptions = {
  /** Back-off after the first failure; doubles with each further one. */
  readonly firstMs?: number
  readonly mostMs?: number
  readonly maxNames?: number
}

/** Remembers which names failed, so that a broken one is not tried at every handshake. */
export type FailureMemory = {
  /** Throws EDGE_ERR_CERTIFICATE_BACK_OFF while the name waits for its next try. */
  check(name: string): void
  add(name: string, error: unknown): void
  clear(name: string): void
}

type Failure = { readonly count: number; readonly reason: string; readonly nextTryAtMs: number }

export function createFailureMemory(options: FailureOptions, now: () => number): FailureMemory {
  const { firstMs = 60_000, mostMs = 6 * 3600_000, maxNames = 10_000 } = options
  const failed = new LRUCache<string, Failure>({ max: maxNames })
  return {
    check(name) {
      const failure = failed.get(name)
      if (failure === undefined || now() >= failure.nextTryAtMs) return
      throw new CertificateBackOff(name, failure.reason, Math.ceil((failure.nextTryAtMs - now()) / 1_000))
    },
    add(name, error) {
      if (!isOfName(error)) return
      const count = (failed.get(name)?.count ?? 0) + 1
      // Up to a quarter is added by chance, so that names that failed together are not tried together.
      const backOffMs = Math.min(mostMs, firstMs * 2 ** (count - 1)) * (1 + Math.random() / 4)
      failed.set(name, { count, reason: codeOf(error), nextTryAtMs: now() + backOffMs })
    },
    clear(name) {
      failed.delete(name)
    },
  }
}

/** A store that is away, or a permission that was withdrawn, says nothing about the next try. */
function isOfName(error: unknown): boolean {
  return ![StoreUnavailable, PermissionUnavailable, CertificateDenied].some((kind) => error instanceof kind)
}
