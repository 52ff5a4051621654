import { once } from 'node:events'
import type { UpgradeOutcome } from '../admin/contracts.ts'
import type { EndedState } from '../admin/metrics-totals.ts'
import { codeOf, ConfigInvalid } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { DrainLimits } from '../server/drain.ts'
import { createChannel, type CallHandlers } from './channel.ts'
import type { Calls, EdgeProcesses } from './messages.ts'
import type { Neighbour, Switchboard } from './switchboard.ts'
import { PREDECESSOR_VARIABLE } from './upgrade.ts'

/** The primary that this one takes over from: its parent. */
export type Predecessor = {
  /** Says that this one is there, and reads what it has to go on with. */
  hello(switchboard: Switchboard, handlers: CallHandlers): Promise<Calls['hello']['answer']>
  /** Resolves when no manager leads, there or here. */
  letGo(): Promise<void>
  /** From now on it drains. @returns what processes have counted that ended in its time. */
  takeOver(outcome: UpgradeOutcome): Promise<EndedState | undefined>
  /** This one will not take over. */
  fail(error: unknown): Promise<void>
  /** Its processes, which drain; undefined when it has ended, or says nothing in time. */
  processes(): Promise<EdgeProcesses | undefined>
  /** Has it end within these limits, once it has been taken over from; resolves when it has. */
  drain(limits: DrainLimits): Promise<void>
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>
}

/** A busy machine's. */
const LIMIT_MS = 30_000
/** Longer than the primary before this one gives its manager. */
const LET_GO_MS = 45_000
const PROCESSES_MS = 1000

/** Was this primary started by another one, to take over from it? */
export function isSuccessor(environment: Readonly<Record<string, string | undefined>>): boolean {
  return process.send !== undefined && environment[PREDECESSOR_VARIABLE] === String(process.ppid)
}

export function connectPredecessor(): Predecessor {
  let switchboard: Switchboard | undefined
  const answering: CallHandlers = {}
  let hasTakenOver = false
  const neighbour: Neighbour = {
    channel: createChannel(process, answering, {
      peer: 'primary',
      relay: async (call) =>
        (await switchboard?.relay(neighbour)(call)) ?? { v: 1, type: 'answer', id: call.id, answers: [] },
    }),
  }
  const { channel } = neighbour
  const ended = process.connected ? once(process, 'disconnect') : Promise.resolve()
  const endRelay = edgeChannel('reload').subscribe((event) => {
    channel.send({ v: 1, type: 'event', event: { timeMs: Date.now(), process: 'primary', type: 'reload', ...event } })
  })
  void ended.then(() => switchboard?.forget(neighbour))

  return {
    async hello(own, { farewell, reload, upgrade }) {
      switchboard = own
      Object.assign(answering, { farewell, reload, upgrade })
      own.join(neighbour)
      const [answer] = await channel.call('primary', 'hello', null, LIMIT_MS)
      if (answer === undefined) throw new TypeError('the primary before this one does not answer')
      return answer
    },
    async letGo() {
      await channel.call('primary', 'letGo', null, LET_GO_MS).catch((error: unknown) => {
        // One that has ended has nothing to let go of, and its manager does so by itself.
        if (process.connected) throw error
      })
    },
    async takeOver(outcome) {
      const [state] = await channel.call('primary', 'tookOver', outcome, LIMIT_MS).catch(() => [undefined])
      hasTakenOver = true
      endRelay()
      return state
    },
    fail(error) {
      const message = error instanceof Error ? error.message : String(error)
      const faults = error instanceof ConfigInvalid ? { faults: error.faults } : {}
      channel.send({ v: 1, type: 'failed', code: codeOf(error), message, ...faults })
      return channel.settled()
    },
    async processes() {
      const [processes] = await channel.call('primary', 'processes', null, PROCESSES_MS).catch(() => [undefined])
      return processes
    },
    async drain(limits) {
      if (!hasTakenOver) return
      channel.send({ v: 1, type: 'drain', limits })
      await ended
    },
    ended,
  }
}
