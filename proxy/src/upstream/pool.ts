import { Pool, type Dispatcher } from 'undici'
import type { Upstream } from '../config.ts'
import { connect } from './connect.ts'

/** One upstream, as a request sees it. */
export type Target = {
  /** `host:port`, for headers and the log. */
  readonly address: string
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void
  /** Counts a request in. @returns a function that counts it out; calling it again does nothing. */
  begin(): () => void
  /** It could not be reached: others are asked for a second. */
  markAway(): void
}

export type UpstreamStats = {
  readonly address: string
  readonly backup: boolean
  /** Requests and tunnels under way. */
  readonly active: number
  readonly away: boolean
}

export type UpstreamPool = {
  /**
   * The upstream with the fewest requests under way. Backups are for when every other one is away or full.
   * @param besides an upstream that was tried already; what is away is not offered in its stead.
   * @returns undefined when there is none.
   */
  choose(besides?: Target): Target | undefined
  stats(): UpstreamStats[]
  /** Closes idle connections, and the others when their answers are complete. */
  close(): Promise<void>
}

const AWAY_MS = 1000
/** Requests under way to one upstream, from one process: strangers must not take every file descriptor. */
const MAX_ACTIVE = 4096
const MAX_HEAD_BYTES = 64 * 1024

export function createPool({ upstreams }: { upstreams: readonly Upstream[] }): UpstreamPool {
  const members = upstreams.map(createMember)
  const tiers = [members.filter(({ backup }) => !backup), members.filter(({ backup }) => backup)]
  let turn = 0

  /** Equal ones take turns. */
  function leastBusy(tier: readonly Member[], fits: (member: Member) => boolean): Member | undefined {
    let best: Member | undefined
    for (let i = 0; i < tier.length; i++) {
      const member = tier[(turn + i) % tier.length]
      if (member === undefined || member.active >= MAX_ACTIVE || !fits(member)) continue
      if (best === undefined || member.active < best.active) best = member
    }
    return best
  }

  function first(fits: (member: Member) => boolean): Member | undefined {
    for (const tier of tiers) {
      const member = leastBusy(tier, fits)
      if (member !== undefined) return member
    }
    return undefined
  }

  return {
    choose(besides) {
      turn = (turn + 1) % members.length
      const member = first((candidate) => candidate.target !== besides && !isAway(candidate))
      // With all of them away, asking is the way to learn that one is back.
      return (member ?? (besides === undefined ? first(() => true) : undefined))?.target
    },
    stats: () =>
      members.map((member) => ({
        address: member.target.address,
        backup: member.backup,
        active: member.active,
        away: isAway(member),
      })),
    async close() {
      await Promise.all(members.filter(({ pool }) => !pool.closed).map(({ pool }) => pool.close()))
    },
  }
}

type Member = {
  readonly target: Target
  readonly pool: Pool
  readonly backup: boolean
  active: number
  awayUntilMs: number
}

function createMember({ url, backup }: Upstream): Member {
  const { origin, hostname, protocol, port } = new URL(url)
  // Time limits depend on the request: `attempt.ts` minds them, and undici's are off.
  const pool = new Pool(origin, { connect, headersTimeout: 0, bodyTimeout: 0, maxHeaderSize: MAX_HEAD_BYTES })
  const target: Target = {
    address: `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`,
    dispatch(options, handler) {
      // Else undici takes the visitor's Host for the TLS server name, and closes the connection when it changes.
      const named: Dispatcher.DispatchOptions & { servername: string } = { ...options, servername: hostname }
      pool.dispatch(named, handler)
    },
    begin() {
      let under = true
      member.active++
      return () => {
        if (under) member.active--
        under = false
      }
    },
    markAway() {
      member.awayUntilMs = performance.now() + AWAY_MS
    },
  }
  const member: Member = { target, pool, backup, active: 0, awayUntilMs: 0 }
  return member
}

function isAway(member: Member): boolean {
  return member.awayUntilMs > performance.now()
}
