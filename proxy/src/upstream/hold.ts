import { edgeChannel, type HoldOutcome } from '../events.ts'
import type { Target, UpstreamPool } from './pool.ts'

export type HoldLimits = {
  /** How long a request may wait, in all; 0: none waits. */
  readonly holdMs: number
  /** How many wait at a time. */
  readonly maxRequests: number
  /** What may have been read of their bodies, in all. */
  readonly maxBytes: number
}

/** One request's place among those that wait. It keeps it when it has to wait again. */
export type Place = {
  /** By `performance.now()`; they are let go in this order. */
  readonly arrivedMs: number
  /** By then it is to be over; set when the request first waits. */
  deadlineMs?: number
  /** Not before then. */
  notBeforeMs?: number
  /** What may have been read of its body. */
  readonly bytes: number
  /** Ends the waiting. */
  leave?: (() => void) | undefined
}

/** Requests that wait for an upstream, in the order of their arrival. */
export type Hold = {
  readonly isEmpty: boolean
  /** How many wait. */
  readonly waiting: number
  /** How long a request may wait, in all; 0: none waits. */
  readonly ms: number
  /**
   * Waits for an upstream that takes one more request. It is counted in there already, by `begin`: whoever gets it calls `end`.
   * @returns undefined when the time is over, nobody else may wait, or the visitor has left.
   */
  wait(place: Place): Promise<Target | undefined>
}

/** How often those who wait are looked through: nobody has a timer of his own. */
const TICK_MS = 100

export const HOLD_LIMITS = { maxRequests: 1000, maxBytes: 32 * 1024 * 1024 }

const holds = edgeChannel('hold')

type Waiting = { readonly place: Place; readonly settle: (outcome: HoldOutcome, target?: Target) => void }

export function createHold(pool: UpstreamPool, { holdMs, maxRequests, maxBytes }: HoldLimits): Hold {
  const waiting: Waiting[] = []
  let bytes = 0
  let ticking: NodeJS.Timeout | undefined

  /** Whoever is to be let go, as far as upstreams have room. */
  function release(): void {
    const nowMs = performance.now()
    let i = 0
    for (let one = waiting[i]; one !== undefined; one = waiting[i]) {
      if ((one.place.notBeforeMs ?? 0) > nowMs) {
        i++
        continue
      }
      const target = pool.choose()
      if (target === undefined) return
      target.begin()
      one.settle('released', target)
    }
  }

  function tick(): void {
    release()
    const nowMs = performance.now()
    for (const one of waiting.filter(({ place }) => (place.deadlineMs ?? 0) <= nowMs)) one.settle('expired')
  }

  function add(one: Waiting): void {
    let at = waiting.length
    while (at > 0 && (waiting[at - 1]?.place.arrivedMs ?? 0) > one.place.arrivedMs) at--
    waiting.splice(at, 0, one)
    bytes += one.place.bytes
    if (ticking !== undefined) return
    ticking = setInterval(tick, TICK_MS)
    pool.whenRoom(release)
  }

  function remove(one: Waiting): void {
    waiting.splice(waiting.indexOf(one), 1)
    bytes -= one.place.bytes
    if (waiting.length > 0) return
    clearInterval(ticking)
    ticking = undefined
    pool.whenRoom(undefined)
  }

  return {
    get isEmpty() {
      return waiting.length === 0
    },
    get waiting() {
      return waiting.length
    },
    ms: holdMs,
    wait(place) {
      place.deadlineMs ??= performance.now() + holdMs
      if (waiting.length >= maxRequests || bytes + place.bytes > maxBytes) {
        holds.publish({ outcome: 'full', waiting: waiting.length })
        return Promise.resolve(undefined)
      }
      return new Promise((resolve) => {
        const one: Waiting = {
          place,
          settle(outcome, target) {
            remove(one)
            place.leave = undefined
            holds.publish({ outcome, waiting: waiting.length })
            resolve(target)
          },
        }
        place.leave = () => one.settle('left')
        add(one)
        holds.publish({ outcome: undefined, waiting: waiting.length })
        release()
      })
    },
  }
}
