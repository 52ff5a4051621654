import { LRUCache } from 'lru-cache'
import { registeredDomain } from './names.ts'

export type ScannerGuardOptions = {
  /** Its handles are many, all under one domain: a stranger's guesses must not shut out those who are not in memory. */
  readonly blotHost: string
  readonly now: () => number
}

/**
 * Refuses random labels under one domain before anybody is asked about them. Only names that were denied count, so that
 * customers never do by their own; the domain itself and `www.` are what customers have, and are always asked about.
 */
export type ScannerGuard = {
  mayAsk(name: string): boolean
  denied(name: string): void
}

/** So many denied names in a row under one domain, and one more for each pause. */
const GUESSES = 20
const PAUSE_MS = 3_000
const MAX_DOMAINS = 10_000

type Guesses = { left: number; atMs: number }

export function createScannerGuard({ blotHost, now }: ScannerGuardOptions): ScannerGuard {
  const domains = new LRUCache<string, Guesses>({ max: MAX_DOMAINS })
  const own = registeredDomain(blotHost)

  function guessesLeft(domain: string): Guesses {
    const { left, atMs } = domains.get(domain) ?? { left: GUESSES, atMs: now() }
    const more = Math.floor(Math.max(0, now() - atMs) / PAUSE_MS)
    return left + more >= GUESSES ? { left: GUESSES, atMs: now() } : { left: left + more, atMs: atMs + more * PAUSE_MS }
  }

  return {
    mayAsk(name) {
      const domain = registeredDomain(name)
      if (domain === own || name === domain || name === `www.${domain}`) return true
      return guessesLeft(domain).left > 0
    },
    denied(name) {
      const domain = registeredDomain(name)
      if (domain === own) return
      const { left, atMs } = guessesLeft(domain)
      domains.set(domain, { left: Math.max(0, left - 1), atMs })
    },
  }
}
