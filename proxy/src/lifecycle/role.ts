import { codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { createChannel, type CallHandlers, type Channel } from './channel.ts'
import type { DrainLimits, ListenerInfo } from './messages.ts'
import type { ChildSettings } from './settings.ts'

/** A role that is being played. */
export type Playing = {
  /** The listeners that it opened itself. */
  listeners: ListenerInfo[]
  drain(limits: DrainLimits): Promise<void>
}

/** What a worker or manager does with its life. It puts the calls that it answers into `handlers`. */
export type RoleBody = (settings: ChildSettings, channel: Channel, handlers: CallHandlers) => Promise<Playing>

const LOST_PRIMARY: DrainLimits = { limitMs: 10_000, tunnelsMs: 10_000 }
/** What a drain may take beyond its limit, to close what it used. */
const GRACE_MS = 1000

const faults = edgeChannel('fault')

/**
 * Plays a role in a child process until it has drained.
 * @returns the exit code: 0 drained, 1 could not start or not drain.
 */
export function playRole(body: RoleBody): Promise<number> {
  return new Promise((resolve) => {
    const handlers: CallHandlers = {}
    const started = Promise.withResolvers<void>()
    const channel = createChannel(process, handlers, { peer: 'primary', started: started.promise })
    let running: Promise<Playing> | undefined
    let draining = false

    async function start(settings: ChildSettings): Promise<void> {
      try {
        running = body(settings, channel, handlers)
        const { listeners } = await running
        started.resolve()
        channel.send({ v: 1, type: 'ready', listeners })
      } catch (error) {
        const message = explain(error)
        channel.send({ v: 1, type: 'failed', code: codeOf(error), message })
        resolve(1)
      }
    }

    async function drain(limits: DrainLimits): Promise<void> {
      // Whatever hangs: where the primary is gone, nobody else would end this process.
      setTimeout(() => resolve(1), Math.max(limits.limitMs, limits.tunnelsMs) + GRACE_MS)
      if (draining) return
      draining = true
      try {
        const role = await running?.catch(() => undefined)
        await role?.drain(limits)
        resolve(0)
      } catch (error) {
        faults.publish({ area: 'lifecycle', message: 'drain failed', error })
        resolve(1)
      }
    }

    channel.onMessage((message) => {
      if (message.type === 'start') void start(message.settings as ChildSettings)
      else if (message.type === 'drain') void drain(message.limits)
    })
    // The primary is gone, and with it the sockets' owner: finish what is under way and end.
    process.once('disconnect', () => void drain(LOST_PRIMARY))
  })
}

/** Files of root's are the usual reason: whoever starts the edge may see them, and its children may not. */
function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return codeOf(error) === 'EACCES' ? `${message}: the user of the workers (EDGE_USER) must be able to use it` : message
}
