import { LRUCache } from 'lru-cache'
import { registeredDomain } from './names.ts'
import { networkOf } from '../network.ts'

export type ScannerGuardOptions = {
  /** Its handles are many, all under one domain: a stranger's guesses must not shut out those who are not in memory. */
  readonly blotHost: string
  readonly now: () => number
}

/**
 * Refuses random labels under one domain before anybody is asked about them. Only names that were denied count, so that
 * customers never do by their own, and only for the network that guesses: a stranger shuts nobody out but himself. The
 * domain itself and `www.` are what customers have, and are always asked about.
 */
export type ScannerGuard = {
  /** @param address of the visitor. */
  mayAsk(name: string, address: string): boolean
  denied(name: string, address: string): void
}

/** So many denied names in a row, of one network under one domain, and one more for each pause. */
const GUESSES = 20
const PAUSE_MS = 3_000
const MAX_GUESSERS = 10_000

type Guesses = { left: number; atMs: number }

export function createScannerGuard({ blotHost, now }: ScannerGuardOptions): ScannerGuard {
  const guessers = new LRUCache<string, Guesses>({ max: MAX_GUESSERS })
  const own = registeredDomain(blotHost)

  function guessesLeft(guesser: string): Guesses {
    const { left, atMs } = guessers.get(guesser) ?? { left: GUESSES, atMs: now() }
    const more = Math.floor(Math.max(0, now() - atMs) / PAUSE_MS)
    return left + more >= GUESSES ? { left: GUESSES, atMs: now() } : { left: left + more, atMs: atMs + more * PAUSE_MS }
  }

  return {
    mayAsk(name, address) {
      const domain = registeredDomain(name)
      if (domain === own || name === domain || name === `www.${domain}`) return true
      return guessesLeft(guesserOf(domain, address)).left > 0
    },
    denied(name, address) {
      const domain = registeredDomain(name)
      if (domain === own) return
      const guesser = guesserOf(domain, address)
      const { left, atMs } = guessesLeft(guesser)
      guessers.set(guesser, { left: Math.max(0, left - 1), atMs })
    },
  }
}

function guesserOf(domain: string, address: string): string {
  return `${networkOf(address)} ${domain}`
}
