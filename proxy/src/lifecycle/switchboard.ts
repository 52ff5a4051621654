import { setTimeout as delay } from 'node:timers/promises'
import { CallUnknown, ChannelClosed, codeOf } from '../errors.ts'
import type { Call, Relay } from './channel.ts'
import type { Child } from './child.ts'
import type { Message } from './messages.ts'

/** Puts the processes of all generations through to each other. */
export type Switchboard = {
  /** Takes a process in, until it ends. */
  connect(child: Child): void
  /** Takes the calls of a process. */
  relay(from: Child): Relay
  /** From now on calls for the manager wait until one leads. */
  hold(): void
  /** This manager is asked from now on; undefined: none, and who waited is told that it is away. */
  lead(manager: Child | undefined): void
  /** Tells every manager, the leading one and those that go on with something. */
  tell(message: Message): void
  children(): Child[]
}

/** Whoever calls has a limit of its own; this one only keeps the list of pending calls bounded. */
const RELAY_MS = 10 * 60_000
/** For one that drains, and serves next to nothing any more: nobody's answer hangs on it. */
const DRAINING_MS = 2000

/** How long calls wait for a manager that leads; then it is away. */
const HELD_MS = 30_000

export function createSwitchboard(): Switchboard {
  const children = new Set<Child>()
  let leader: Child | undefined
  let held: PromiseWithResolvers<void> | undefined

  function living(): Child[] {
    return [...children].filter(({ state }) => state !== 'stopped')
  }

  function hold(): void {
    leader = undefined
    held ??= Promise.withResolvers()
  }

  /** Those whom a call is for. One that is not ready yet has nothing to answer for. */
  async function findCalled(to: string, from: Child): Promise<Child[]> {
    if (to !== 'manager') return living().filter((child) => child.isReady() && (child.role === to || child.name === to))
    // A generation that starts has a manager that does not lead yet, and is all that its workers need by then.
    const own = living().find(
      ({ role, generation, state }) => role === 'manager' && generation === from.generation && state === 'starting',
    )
    if (from.role !== 'manager' && own !== undefined) return [own]
    if (held !== undefined) await Promise.race([held.promise, delay(HELD_MS)])
    return leader === undefined ? [] : [leader]
  }

  /** One call to a role becomes a call to each process that has it; one failure fails the whole. */
  async function relay(from: Child, call: Call): Promise<Message> {
    try {
      const called = await findCalled(call.to, from)
      const answers = (await Promise.all(called.map((child) => ask(child, call)))).flat()
      if (answers.length === 0) throw new ChannelClosed(call.to)
      return { v: 1, type: 'answer', id: call.id, answers }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return { v: 1, type: 'failure', id: call.id, code: codeOf(error), message }
    }
  }

  return {
    connect(child) {
      children.add(child)
      void child.ended.then(() => {
        children.delete(child)
        // Another one is on its way.
        if (leader === child) hold()
      })
    },
    relay: (from) => (call) => relay(from, call),
    hold,
    lead(manager) {
      leader = manager
      held?.resolve()
      held = undefined
    },
    tell(message) {
      for (const child of living()) if (child.role === 'manager') child.channel.send(message)
    },
    children: living,
  }
}

/** @returns nothing from a process that has nothing left to drop, to count or to tell. */
async function ask(child: Child, { kind, ask: asked, to }: Call): Promise<unknown[]> {
  try {
    return await child.channel.call(
      child.role,
      kind,
      asked as never,
      child.state === 'draining' ? DRAINING_MS : RELAY_MS,
    )
  } catch (error) {
    const isAnotherRelease = codeOf(error) === CALL_UNKNOWN && to !== 'manager'
    if (!child.process.connected || child.state === 'draining' || isAnotherRelease) return []
    throw error
  }
}

const CALL_UNKNOWN = new CallUnknown('', '').code
