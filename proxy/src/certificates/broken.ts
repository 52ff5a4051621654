import { LRUCache } from 'lru-cache'

/** Names that the manager would not order for just now, kept by each worker, so that their handshakes ask nobody. */
export type BrokenNames = {
  /** @returns why, while that holds. */
  reason(name: string): string | undefined
  add(name: string, reason: string): void
  forget(name: string): void
  clear(): void
}

/** Errors that stay the same for a while. Known by code: they come from another process. */
const LASTING = new Set(['EDGE_ERR_CERTIFICATE_BACK_OFF', 'EDGE_ERR_CERTIFICATE_LIMITED'])
const MAX_NAMES = 10_000
/** Back-offs are longer; but what changed elsewhere is found out by then. */
const HOLD_MS = 30_000

export function createBrokenNames(now: () => number): BrokenNames {
  const names = new LRUCache<string, { reason: string; untilMs: number }>({ max: MAX_NAMES })
  return {
    reason(name) {
      const broken = names.get(name)
      return broken !== undefined && now() < broken.untilMs ? broken.reason : undefined
    },
    add(name, reason) {
      if (LASTING.has(reason)) names.set(name, { reason, untilMs: now() + HOLD_MS })
    },
    forget: (name) => void names.delete(name),
    clear: () => names.clear(),
  }
}
