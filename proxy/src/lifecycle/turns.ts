import type { ReloadOutcome, ReloadStatus, UpgradeOutcome } from '../admin/contracts.ts'
import { ChannelClosed, codeOf } from '../errors.ts'
import { edgeChannel, type ReloadEvent } from '../events.ts'
import type { Channel } from './channel.ts'
import type { Calls } from './messages.ts'

/** What changes the processes that serve: reloads and upgrades, one after the other. */
export type Turns = {
  /**
   * Whoever asks for one while it waits for its turn gets that one; while it is under way, the next one: it may have read what
   * has changed since.
   */
  take<Outcome extends ReloadOutcome>(kind: 'reload' | 'upgrade', work: () => Promise<Outcome>): Promise<Outcome>
  isUnderWay(): boolean
  /** How the last one ended; undefined before the first. */
  report(): ReloadStatus | undefined
  /** Resolves when none is under way. */
  settled(): Promise<void>
}

/** One that waits for others, and gives up on a process that does not start. */
const TURN_MS = 10 * 60_000

/** What may be asked of the primary at the other end. */
export function turnsBehind(channel: Channel): {
  reload(): Promise<ReloadOutcome>
  upgrade(): Promise<UpgradeOutcome>
} {
  const ask = async <Kind extends 'reload' | 'upgrade'>(kind: Kind): Promise<Calls[Kind]['answer']> => {
    const [outcome] = await channel.call('primary', kind, null, TURN_MS)
    if (outcome === undefined) throw new ChannelClosed('primary')
    return outcome
  }
  return { reload: () => ask('reload'), upgrade: () => ask('upgrade') }
}

export function createTurns(): Turns {
  const waiting = new Map<string, Promise<ReloadOutcome>>()
  let last: Promise<unknown> = Promise.resolve()
  let underWay = 0
  let report: ReloadStatus | undefined

  async function run(work: () => Promise<ReloadOutcome>): Promise<ReloadOutcome> {
    const at = new Date().toISOString()
    try {
      const outcome = await work()
      report = { at, state: 'succeeded', ...outcome }
      return outcome
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error)
      report = { at, state: 'failed', code: codeOf(error), error: sentence }
      tell('failed', `${sentence} (${codeOf(error)})`)
      throw error
    }
  }

  function take(kind: string, work: () => Promise<ReloadOutcome>): Promise<ReloadOutcome> {
    const joined = waiting.get(kind)
    if (joined !== undefined) return joined
    underWay++
    const turn = last
      .then(() => {
        waiting.delete(kind)
        return run(work)
      })
      .finally(() => underWay--)
    waiting.set(kind, turn)
    last = turn.catch(() => undefined)
    return turn
  }

  return {
    take: take as Turns['take'],
    isUnderWay: () => underWay > 0,
    report: () => report,
    async settled() {
      await last
    },
  }
}

/** A step that was done, for the log, for systemd, and for whoever waits. */
export function tell(phase: ReloadEvent['phase'], step: string): void {
  edgeChannel('reload').publish({ phase, step })
}
