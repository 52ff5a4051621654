import { codeOf } from '../errors.ts'
import type { Upstream } from '../config.ts'
import type { Health } from './health/health.ts'
import { addressOf, originOf } from './origin.ts'
import type { Connection } from './wire/connection.ts'
import { Connections } from './wire/connections.ts'
import type { WireListener, WireRequest } from './wire/contracts.ts'

/** `starting`: it is back, and gets more by and by. The others are those of `Verdict`. */
export type MemberState = 'up' | 'starting' | 'draining' | 'failing' | 'away'

/** Whether an upstream is to be asked, the best first. */
export const RANK = {
  good: 0,
  /** When there is no good one. */
  reluctant: 1,
  /** When waiting is no choice. */
  withdrawn: 2,
  /** Only to learn whether it is back. */
  away: 3,
  /** It has all that it may have. */
  full: 4,
} as const
export type Rank = (typeof RANK)[keyof typeof RANK]

const RANK_OF: Readonly<Record<Exclude<MemberState, 'starting'>, Rank>> = {
  up: RANK.good,
  failing: RANK.reluctant,
  draining: RANK.withdrawn,
  away: RANK.away,
}

/** What members tell their pool. */
export type MemberOwner = {
  /** Its state is another one. */
  onChange(): void
  /** Something speaks against it: somebody should look. */
  onDoubt(url: string): void
  /** It has room for one more. */
  onRoom(): void
}

/** Requests under way to one upstream, from one process, and so connections: strangers must not take every file descriptor. */
const MAX_ACTIVE = 4096
/** One that is back has so many at first, and twice as many after each step, until it has all: 4 s. */
const FIRST_ACTIVE = 16
const STEP_MS = 500
/** So many failures without a success between them, on so many paths: more than a page that is broken. */
const RUN_FAILURES = 5
const RUN_PATHS = 3
/** For how long at most an upstream is believed that it wants to be left alone. */
const MAX_BUSY_MS = 10_000
/** How often a connection that ends is taken for a sign. */
const DOUBT_MS = 1000

/** These are about this process, or this machine: the upstream has no part in them. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** Did a connection fail for want of something that is ours to have? */
export function isOwnFault(error: unknown): boolean {
  return error instanceof Error && OWN_FAULTS.has(codeOf(error))
}

/** One upstream as one process knows it, and what that has under way there. */
export class Member {
  readonly url: string
  /** `host:port`, for headers and the log. */
  readonly address: string
  readonly backup: boolean
  /** Requests and tunnels under way. */
  active = 0
  state: MemberState = 'up'
  /** What is wrong with it, while it is not up. */
  error: string | undefined
  readonly #owner: MemberOwner
  readonly #connections: Connections
  /** Since it is back; it has answered well since. */
  #startedMs = 0
  #isProven = true
  /** It wants to be left alone until then. */
  #busyUntilMs = 0
  #doubtedMs = -Infinity
  /** Paths of the failures since it last answered well. */
  #failures: string[] = []

  constructor({ url, backup }: Upstream, owner: MemberOwner) {
    this.url = url
    this.address = addressOf(url)
    this.backup = backup
    this.#owner = owner
    this.#connections = new Connections(originOf(url), {
      reached: () => {
        if (this.state === 'away') this.#back()
      },
      unreachable: (cause) => this.#unreachable(cause),
      closing: () => this.#doubt(),
    })
  }

  /** @param fresh not over a connection that was used before. */
  ask(request: WireRequest, listener: WireListener, fresh: boolean): Connection {
    return this.#connections.ask(request, listener, fresh)
  }

  /** Counts a request or tunnel in. */
  begin(): void {
    this.active++
  }

  /** Counts it out: once for each `begin`. */
  end(): void {
    this.active--
    this.#owner.onRoom()
  }

  rank(nowMs: number): Rank {
    if (this.isFull) return RANK.full
    if (this.#busyUntilMs > nowMs) return RANK.reluctant
    if (this.state === 'starting') return this.active < this.room(nowMs) ? RANK.good : RANK.withdrawn
    return RANK_OF[this.state]
  }

  /** How many requests it may have. */
  room(nowMs: number): number {
    if (this.state !== 'starting') return MAX_ACTIVE
    const room = FIRST_ACTIVE * 2 ** Math.floor((nowMs - this.#startedMs) / STEP_MS)
    if (room < MAX_ACTIVE) return room
    this.state = 'up'
    return MAX_ACTIVE
  }

  /** It answered as one does who is well. */
  succeeded(): void {
    this.#isProven = true
    if (this.#failures.length > 0) this.#failures = []
  }

  /** It failed to answer, or its answer is that it is in trouble. One page that does so says nothing of the others. */
  failed(target: string): void {
    if (this.#isBroad(target)) this.#doubt()
  }

  /** It answered that it wants to be left alone. From one that has just come back, that is believed at once. */
  declined(target: string, forMs: number): void {
    if (this.#isProven && !this.#isBroad(target)) return
    this.#busyUntilMs = performance.now() + Math.min(forMs, MAX_BUSY_MS)
    this.#doubt()
  }

  get isFull(): boolean {
    return this.active >= MAX_ACTIVE
  }

  get isBusy(): boolean {
    return this.#busyUntilMs > performance.now()
  }

  /** What somebody has seen who looked. */
  apply({ verdict, error }: Health): void {
    if (verdict === 'up') this.#back()
    else this.#become(verdict, error)
  }

  close(): Promise<void> {
    return this.#connections.close()
  }

  #unreachable(cause: Error | undefined): void {
    if (isOwnFault(cause)) return
    this.#become('away', cause === undefined ? undefined : codeOf(cause))
    this.#doubt()
  }

  #back(): void {
    if (this.state === 'up' || this.state === 'starting') return
    this.#startedMs = performance.now()
    this.#isProven = false
    this.#busyUntilMs = 0
    this.#failures = []
    this.error = undefined
    this.state = 'starting'
    this.#owner.onChange()
  }

  #become(state: Exclude<MemberState, 'up' | 'starting'>, error: string | undefined): void {
    this.error = error
    if (this.state === state) return
    this.state = state
    // It may be about to close them; then it is better to have been the first.
    this.#connections.closeIdle()
    this.#owner.onChange()
  }

  #isBroad(target: string): boolean {
    const query = target.indexOf('?')
    this.#failures.push(query === -1 ? target : target.slice(0, query))
    if (this.#failures.length < RUN_FAILURES) return false
    const isBroad = new Set(this.#failures).size >= RUN_PATHS
    this.#failures = isBroad ? [] : this.#failures.slice(1 - RUN_FAILURES)
    return isBroad
  }

  #doubt(): void {
    const nowMs = performance.now()
    if (this.state !== 'away' && nowMs - this.#doubtedMs < DOUBT_MS) return
    this.#doubtedMs = nowMs
    this.#owner.onDoubt(this.url)
  }
}
