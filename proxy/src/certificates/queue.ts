import { CertificateBusy } from '../errors.ts'
import { registeredDomain } from './names.ts'

/** `renewal`: nobody waits for it yet. `visitor`: somebody does, in a handshake, so that its DNS reaches us. `ahead`: nobody has come yet. */
export type Lane = 'renewal' | 'visitor' | 'ahead'

export type QueueLimits = {
  /** Orders at one time; one registered domain has half of them at most. */
  readonly places: number
  /** Names that wait, in each lane. */
  readonly perLane: number
  /** Of those, names of one registered domain. */
  readonly perDomain: number
}

/**
 * Bounds the orders at one time. Renewals go first, but every fourth place is for visitors when some wait; names that are
 * prepared ahead of their first visitor come after those that have one. Within a lane, the registered domains take turns, so that a thousand names of one delay nobody else.
 */
export type OrderQueue = {
  /** @returns a function that gives the place back. Rejects with EDGE_ERR_CERTIFICATE_BUSY, or with the signal's reason. */
  take(name: string, lane: Lane, signal: AbortSignal): Promise<() => void>
  /** A visitor came for this name, which may wait among those ahead. */
  hurry(name: string): void
}

type Waiter = { readonly name: string; readonly domain: string; enter(): void }
/** By domain; the domain that was served longest ago is first. */
type Waiting = Map<string, Set<Waiter>>

const VISITORS_TURN = 4
const USUAL: readonly Lane[] = ['renewal', 'visitor', 'ahead']
const VISITORS_FIRST: readonly Lane[] = ['visitor', 'ahead', 'renewal']

export function createOrderQueue(limits: QueueLimits): OrderQueue {
  const lanes: Record<Lane, Waiting> = { renewal: new Map(), visitor: new Map(), ahead: new Map() }
  const running = new Map<string, number>()
  const perDomainPlaces = Math.ceil(limits.places / 2)
  let free = limits.places
  let turn = 0

  function next(): Waiter | undefined {
    for (const lane of turn % VISITORS_TURN === 0 ? VISITORS_FIRST : USUAL) {
      for (const [domain, waiters] of lanes[lane]) {
        if ((running.get(domain) ?? 0) >= perDomainPlaces) continue
        const [waiter] = waiters
        if (waiter === undefined) continue
        remove(lanes[lane], waiter)
        // To the end of the row of domains.
        if (lanes[lane].delete(domain)) lanes[lane].set(domain, waiters)
        return waiter
      }
    }
    return undefined
  }

  function admit(): void {
    while (free > 0) {
      turn += 1
      const waiter = next()
      if (waiter === undefined) return
      free -= 1
      running.set(waiter.domain, (running.get(waiter.domain) ?? 0) + 1)
      waiter.enter()
    }
  }

  function leave(domain: string): void {
    free += 1
    const left = (running.get(domain) ?? 0) - 1
    if (left > 0) running.set(domain, left)
    else running.delete(domain)
    admit()
  }

  return {
    async take(name, lane, signal) {
      signal.throwIfAborted()
      const domain = registeredDomain(name)
      const waiting = lanes[lane]
      if (count(waiting) >= limits.perLane) throw new CertificateBusy(name)
      if ((waiting.get(domain)?.size ?? 0) >= limits.perDomain) throw new CertificateBusy(name)
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiter = { name, domain, enter: resolve }
      const abort = (): void => {
        if (Object.values(lanes).some((one) => remove(one, waiter))) reject(signal.reason)
      }
      signal.addEventListener('abort', abort)
      add(waiting, waiter)
      admit()
      await promise.finally(() => signal.removeEventListener('abort', abort))
      return () => leave(domain)
    },
    hurry(name) {
      for (const waiter of lanes.ahead.get(registeredDomain(name)) ?? []) {
        if (waiter.name === name && remove(lanes.ahead, waiter)) add(lanes.visitor, waiter)
      }
    },
  }
}

function count(waiting: Waiting): number {
  return [...waiting.values()].reduce((sum, waiters) => sum + waiters.size, 0)
}

function add(waiting: Waiting, waiter: Waiter): void {
  const waiters = waiting.get(waiter.domain)
  if (waiters === undefined) waiting.set(waiter.domain, new Set([waiter]))
  else waiters.add(waiter)
}

/** @returns false when it was no longer there. */
function remove(waiting: Waiting, waiter: Waiter): boolean {
  const waiters = waiting.get(waiter.domain)
  if (waiters?.delete(waiter) !== true) return false
  if (waiters.size === 0) waiting.delete(waiter.domain)
  return true
}
