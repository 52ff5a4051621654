import { setTimeout as delay } from 'node:timers/promises'
import { CallUnknown, ChannelClosed, codeOf } from '../errors.ts'
import type { Call, Channel, Relay } from './channel.ts'
import type { Child } from './child.ts'
import type { Message } from './messages.ts'

/** The primary before this one, or the one after it, whose processes belong to the same edge. */
export type Neighbour = { readonly channel: Channel }

/** Puts the processes of all generations through to each other. */
export type Switchboard = {
  /** Takes a process in, until it ends. */
  connect(child: Child): void
  /** Takes the calls of a process, or of those behind a neighbour. */
  relay(from: Child | Neighbour): Relay
  /** From now on calls for the manager wait until one leads. */
  hold(): void
  /** This manager is asked from now on; undefined: none, and who waited is told that it is away. */
  lead(manager: Child | undefined): void
  /** The processes of another primary are there too, until it is forgotten. */
  join(neighbour: Neighbour): void
  forget(neighbour: Neighbour): void
  /** The manager is behind this neighbour from now on. */
  follow(successor: Neighbour): void
  /** Tells every manager, the leading one and those that go on with something. */
  tell(message: Message): void
  children(): Child[]
}

/** Whoever calls has a limit of its own; this one only keeps the list of pending calls bounded. */
const RELAY_MS = 10 * 60_000
/** For those who drain, and serve next to nothing any more: nobody's answer hangs on them. */
const DRAINING_MS = 2000
/** How long calls wait for a manager that leads; then it is away. */
const HELD_MS = 30_000

/** Whom a call reaches: each gives its answers. */
type Called = (call: Call) => Promise<unknown[]>

export function createSwitchboard(): Switchboard {
  const children = new Set<Child>()
  const neighbours = new Set<Neighbour>()
  let leader: Called | undefined
  let leadingChild: Child | undefined
  let held: PromiseWithResolvers<void> | undefined

  function living(): Child[] {
    return [...children].filter(({ state }) => state !== 'stopped')
  }

  function hold(): void {
    leader = undefined
    leadingChild = undefined
    held ??= Promise.withResolvers()
  }

  function letThrough(to: Called | undefined): void {
    leader = to
    held?.resolve()
    held = undefined
  }

  /** Those whom a call is for. One that is not ready yet has nothing to answer for. */
  async function findCalled(to: string, from: Child | Neighbour): Promise<Called[]> {
    if (to === 'manager') return findManager(from)
    const here = living().filter((child) => child.isReady() && (child.role === to || child.name === to))
    // Not back to where it came from.
    const beyond = [...neighbours].filter((neighbour) => neighbour !== from)
    return [...here.map(askChild), ...beyond.map(askNeighbour)]
  }

  async function findManager(from: Child | Neighbour): Promise<Called[]> {
    // A generation that starts has a manager that does not lead yet, and is all that its workers need by then.
    const own = living().find(
      ({ role, generation, state }) =>
        role === 'manager' && state === 'starting' && 'generation' in from && generation === from.generation,
    )
    if (own !== undefined && own !== from && 'role' in from && from.role !== 'manager') return [askChild(own)]
    if (held !== undefined) await Promise.race([held.promise, delay(HELD_MS, undefined, { ref: false })])
    return leader === undefined ? [] : [leader]
  }

  /** One call to a role becomes a call to each process that has it; one failure fails the whole. */
  async function relay(from: Child | Neighbour, call: Call): Promise<Message> {
    try {
      const called = await findCalled(call.to, from)
      const answers = (await Promise.all(called.map((ask) => ask(call)))).flat()
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
        if (leadingChild === child) hold()
      })
    },
    relay: (from) => (call) => relay(from, call),
    hold,
    lead(manager) {
      leadingChild = manager
      letThrough(manager && askChild(manager))
    },
    join: (neighbour) => void neighbours.add(neighbour),
    forget: (neighbour) => void neighbours.delete(neighbour),
    follow(successor) {
      leadingChild = undefined
      letThrough(({ kind, ask, to }) => successor.channel.call(to, kind, ask as never, RELAY_MS))
    },
    tell(message) {
      for (const child of living()) if (child.role === 'manager') child.channel.send(message)
    },
    children: living,
  }
}

/** Nothing comes from a process that has nothing left to drop, to count or to tell. */
function askChild(child: Child): Called {
  return async ({ kind, ask, to }) => {
    try {
      const limitMs = child.state === 'draining' ? DRAINING_MS : RELAY_MS
      return await child.channel.call(child.role, kind, ask as never, limitMs)
    } catch (error) {
      const isOfAnotherRelease = codeOf(error) === CALL_UNKNOWN && to !== 'manager'
      if (!child.process.connected || child.state === 'draining' || isOfAnotherRelease) return []
      throw error
    }
  }
}

/** All that a neighbour has, drains, or is as yet unused. */
function askNeighbour({ channel }: Neighbour): Called {
  return ({ kind, ask, to }) => channel.call(to, kind, ask as never, DRAINING_MS).catch(() => [])
}

const CALL_UNKNOWN = new CallUnknown('', '').code
