import { networkOf } from '../network.ts'
import { registeredDomain } from './names.ts'

export type WaitingLimits = {
  readonly total: number
  /** Of one network, as `networkOf` has it. */
  readonly perAddress: number
  /** Of one registered domain, all names under it together. */
  readonly perDomain: number
}

/** Bounds the handshakes that wait for I/O, so that no stranger, and no domain, can take every place. */
export type WaitingRoom = {
  /** @returns a function that gives the place back, or the reason for which there is none. */
  enter(name: string, address: string): (() => void) | string
}

export function createWaitingRoom(limits: WaitingLimits): WaitingRoom {
  let total = 0
  const addresses = createTally()
  const domains = createTally()
  return {
    enter(name, address) {
      const domain = registeredDomain(name)
      const network = networkOf(address)
      if (total >= limits.total) return 'too many handshakes wait'
      if (addresses.of(network) >= limits.perAddress) return 'too many handshakes of this address wait'
      if (domains.of(domain) >= limits.perDomain) return 'too many handshakes for this domain wait'
      total += 1
      addresses.add(network, 1)
      domains.add(domain, 1)
      return () => {
        total -= 1
        addresses.add(network, -1)
        domains.add(domain, -1)
      }
    },
  }
}

/** Counts by key; a key whose count is 0 takes no memory. */
export function createTally(): { of(key: string): number; add(key: string, change: number): void } {
  const counts = new Map<string, number>()
  const of = (key: string): number => counts.get(key) ?? 0
  return {
    of,
    add(key, change) {
      const count = of(key) + change
      if (count === 0) counts.delete(key)
      else counts.set(key, count)
    },
  }
}
