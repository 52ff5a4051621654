import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import { codeOf, MessagesForeign } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { DrainLimits } from '../server/drain.ts'
import { createChannel, type CallHandlers, type Channel } from './channel.ts'
import type { ChildSettings } from './settings.ts'

/** A role that is ready to be played, and answers calls. */
export type Playing = {
  /** From now on a worker accepts connections, and a manager leads. Called once. */
  serve(): Promise<void>
  /** Takes a connection from the primary as if it were a visitor's. */
  probe(connection: Socket): void
  /** Of a manager: lets go of all that only one may have. It goes on with what is under way, and answers nothing new itself. */
  letGo?(): Promise<void>
  /** May be called again, with shorter limits. */
  drain(limits: DrainLimits): Promise<void>
  /** What it has counted. */
  snapshot(): MetricsSnapshot
}

/** What a worker or manager does with its life. It puts the calls that it answers into `handlers`. */
export type RoleBody = (settings: ChildSettings, channel: Channel, handlers: CallHandlers) => Promise<Playing>

const LOST_PRIMARY: DrainLimits = { limitMs: 10_000, tunnelsMs: 10_000, idleMs: 500 }
/** What a drain may take beyond its limit, to close what it used. */
const GRACE_MS = 1000
/** How long answers may take that are as good as made, and the primary to note what was counted. */
const FAREWELL_MS = 1000

const faults = edgeChannel('fault')

/**
 * Plays a role in a child process until it has drained.
 * @returns the exit code: 0 drained, 1 could not start or not drain.
 */
export function playRole(body: RoleBody): Promise<number> {
  return new Promise((resolve) => {
    const handlers: CallHandlers = { ping: () => Promise.resolve(null) }
    const started = Promise.withResolvers<void>()
    const channel = createChannel(process, handlers, { peer: 'primary', started: started.promise, onForeign: refuse })
    let running: Promise<Playing> | undefined

    async function start(settings: ChildSettings): Promise<void> {
      try {
        running = body(settings, channel, handlers)
        const role = await running
        handlers.serve = () => role.serve().then(() => null)
        handlers.letGo = async () => {
          await role.letGo?.()
          return null
        }
        role.probe(new Socket({ fd: settings.probeFd }))
        started.resolve()
        channel.send({ v: 1, type: 'ready' })
      } catch (error) {
        fail(error)
      }
    }

    function refuse(version: number): void {
      fail(new MessagesForeign('1', String(version)))
    }

    function fail(error: unknown): void {
      channel.send({ v: 1, type: 'failed', code: codeOf(error), message: explain(error) })
      resolve(1)
    }

    async function drain(limits: DrainLimits): Promise<void> {
      // Whatever hangs: where the primary is gone, nobody else would end this process.
      setTimeout(() => resolve(1), Math.max(limits.limitMs, limits.tunnelsMs) + GRACE_MS)
      try {
        const role = await running?.catch(() => undefined)
        await role?.drain(limits)
        // Whoever asked for something before the end gets it.
        await Promise.race([channel.settled(), delay(FAREWELL_MS)])
        if (role !== undefined) await channel.call('primary', 'farewell', role.snapshot(), FAREWELL_MS).catch(ignore)
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

function ignore(): void {}

/** Files of root's are the usual reason: whoever starts the edge may see them, and its children may not. */
function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return codeOf(error) === 'EACCES' ? `${message}: the user of the workers (EDGE_USER) must be able to use it` : message
}
