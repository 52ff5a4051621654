import type { Upstream } from '../config.ts'
import type { Connection } from './wire/connection.ts'
import { Connections } from './wire/connections.ts'
import type { WireListener, WireRequest } from './wire/contracts.ts'

/** One upstream, as a request sees it. */
export type Target = {
  /** `host:port`, for headers and the log. */
  readonly address: string
  /** @param fresh not over a connection that was used before. */
  ask(request: WireRequest, listener: WireListener, fresh: boolean): Connection
  /** Counts a request or tunnel in. */
  begin(): void
  /** Counts it out: once for each `begin`. */
  end(): void
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
/** Requests under way to one upstream, from one process, and so connections: strangers must not take every file descriptor. */
const MAX_ACTIVE = 4096

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
      await Promise.all(members.map(({ connections }) => connections.close()))
    },
  }
}

type Member = {
  readonly target: Target
  readonly connections: Connections
  readonly backup: boolean
  active: number
  awayUntilMs: number
}

function createMember({ url, backup }: Upstream): Member {
  const { hostname, protocol, port } = new URL(url)
  const secure = protocol === 'https:'
  const origin = { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 443 : 80)), secure }
  const connections = new Connections(origin, () => {
    // Others are asked for a while.
    member.awayUntilMs = performance.now() + AWAY_MS
  })
  const target: Target = {
    address: `${hostname}:${origin.port}`,
    ask: (request, listener, fresh) => connections.ask(request, listener, fresh),
    begin: () => void member.active++,
    end: () => void member.active--,
  }
  const member: Member = { target, connections, backup, active: 0, awayUntilMs: 0 }
  return member
}

function isAway(member: Member): boolean {
  return member.awayUntilMs > performance.now()
}
