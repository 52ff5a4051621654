import type { Upstream } from '../config.ts'
import type { Health } from './health/health.ts'
import { Member, RANK, type MemberState, type Rank } from './member.ts'

/** One upstream, as a request sees it. */
export type Target = Pick<Member, 'address' | 'ask' | 'begin' | 'end' | 'succeeded' | 'failed' | 'declined' | 'isBusy'>

export type UpstreamStats = {
  readonly url: string
  readonly backup: boolean
  readonly state: MemberState
  /** Requests and tunnels under way. */
  readonly active: number
  /** What was last wrong with it, while it is not up. */
  readonly error?: string
}

export type UpstreamPool = {
  /**
   * The upstream with the fewest requests under way, for what it may have. Backups are for when every other one is away or full.
   * @param besides an upstream that was tried already.
   * @param worst who is no better than this is asked, too.
   * @returns undefined when there is none.
   */
  choose(besides?: Target, worst?: Rank): Target | undefined
  /** Is there nobody who takes requests? */
  isAway(): boolean
  /** Is there nobody who answers as one does who is well? */
  isTroubled(): boolean
  /** Is there one that is up, and has all the requests it may have? */
  isFull(): boolean
  /** What somebody has seen who looked. */
  apply(health: readonly Health[]): void
  /** Calls when there may be room for a request that found none. One listener; undefined: nobody. */
  whenRoom(listener: (() => void) | undefined): void
  /** Somebody takes requests again. @returns a function that ends the subscription. */
  onBack(listener: () => void): () => void
  /** Something speaks against these upstreams: somebody should look. One listener. */
  onDoubt(listener: (url: string) => void): void
  stats(): UpstreamStats[]
  /** Closes idle connections, and the others when their answers are complete. */
  close(): Promise<void>
}

export function createPool({ upstreams }: { upstreams: readonly Upstream[] }): UpstreamPool {
  const backListeners = new Set<() => void>()
  let room: (() => void) | undefined
  let doubt: ((url: string) => void) | undefined
  let wasAway = false
  let turn = 0
  const members = upstreams.map(
    (upstream) => new Member(upstream, { onChange, onDoubt: (url) => doubt?.(url), onRoom: () => room?.() }),
  )

  const isAway = (): boolean => members.every(({ state }) => state === 'away' || state === 'draining')

  function onChange(): void {
    const isBack = wasAway && !isAway()
    wasAway = isAway()
    if (isBack) for (const listener of backListeners) listener()
    room?.()
  }

  return {
    choose(besides, worst = RANK.reluctant) {
      const nowMs = performance.now()
      turn = (turn + 1) % members.length
      let best: Member | undefined
      let bestPlace = 2 * worst + 1
      // Equal ones take turns.
      for (let i = 0; i < members.length; i++) {
        const member = members[(turn + i) % members.length]
        if (member === undefined || member === besides) continue
        const place = 2 * member.rank(nowMs) + (member.backup ? 1 : 0)
        if (place > bestPlace || (place === bestPlace && best !== undefined && !isLessBusy(member, best, nowMs)))
          continue
        best = member
        bestPlace = place
      }
      return best
    },
    isAway,
    isTroubled: () => members.every(({ state }) => state !== 'up' && state !== 'starting'),
    isFull: () => members.some(({ isFull }) => isFull),
    apply(health) {
      for (const one of health) members.find(({ url }) => url === one.url)?.apply(one)
    },
    whenRoom: (listener) => void (room = listener),
    onBack(listener) {
      backListeners.add(listener)
      return () => {
        backListeners.delete(listener)
      }
    },
    onDoubt: (listener) => void (doubt = listener),
    stats: () =>
      members.map((member) => {
        member.room(performance.now())
        const { url, backup, state, active, error } = member
        return { url, backup, state, active, ...(error === undefined ? {} : { error }) }
      }),
    async close() {
      await Promise.all(members.map((member) => member.close()))
    },
  }
}

/** By what each may have: one that has just come back gets its share by and by. */
function isLessBusy(one: Member, other: Member, nowMs: number): boolean {
  return one.active * other.room(nowMs) < other.active * one.room(nowMs)
}
