import { ChannelClosed, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Call } from './channel.ts'
import { startChild, type Child, type ChildOptions, type ChildRole } from './child.ts'
import type { DrainLimits, Message, ProcessId, ProcessInfo } from './messages.ts'

/** What is the same for every child, and what follows from its role. */
export type SupervisorOptions = Pick<ChildOptions, 'user' | 'environment' | 'handlers'> & {
  /** The command line of a child but for its role: `[main.ts]`. */
  readonly argv: readonly string[]
  inheritedBy(role: ChildRole): readonly number[]
  settingsOf(id: ProcessId): unknown
}

/** The children of the primary: started, replaced when they end, and put through to each other. */
export type Supervisor = {
  start(role: ChildRole, id: ProcessId): Child
  processes(): ProcessInfo[]
  /** From now on nobody is replaced. */
  retire(): void
  /** Resolves when every child of the role has ended, by force where it takes longer. */
  drain(role: ChildRole, limits: DrainLimits): Promise<void>
  kill(): void
}

/** A child that ends is replaced after 0.1 s, doubled up to 10 s for each one that did not last. */
const RESTART_MS = 100
const RESTART_MAX_MS = 10_000
const LASTED_MS = 10_000
/** What a child may take beyond the drain that it was told. */
const GRACE_MS = 2000
/** Whoever calls has a limit of its own; this one only keeps the list of pending calls bounded. */
const RELAY_MS = 10 * 60_000

const faults = edgeChannel('fault')

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const children = new Map<string, Child>()
  let retired = false

  /** @param waitedMs how long ago the one that it replaces ended; 0 for the first of its name. */
  function start(role: ChildRole, id: ProcessId, waitedMs: number): Child {
    const child = startChild({
      role,
      id,
      argv: [...options.argv, role],
      fds: options.inheritedBy(role),
      user: options.user,
      environment: options.environment,
      settings: { v: 1, type: 'start', settings: options.settingsOf(id) },
      handlers: options.handlers,
      relay,
      onEvent: (message) => living('manager').forEach(({ channel }) => channel.send(message)),
    })
    children.set(id, child)
    // The first of its name must come up: whoever started it is told by `ready` when it does not.
    let worthReplacing = waitedMs > 0
    child.ready.then(
      () => (worthReplacing = true),
      () => undefined,
    )
    const startedMs = performance.now()
    void child.ended.then((how) => {
      if (!worthReplacing || retired) return
      faults.publish({ area: role, message: 'process ended', error: how, name: id })
      const lasted = waitedMs === 0 || performance.now() - startedMs > LASTED_MS
      startLater(role, id, lasted ? RESTART_MS : waitedMs * 2)
    })
    return child
  }

  function startLater(role: ChildRole, id: ProcessId, waitMs: number): void {
    const boundMs = Math.min(waitMs, RESTART_MAX_MS)
    setTimeout(() => {
      if (retired) return
      try {
        start(role, id, boundMs)
      } catch (error) {
        // No memory, no process to be had: the others serve on.
        faults.publish({ area: role, message: 'process could not be started', error, name: id })
        startLater(role, id, boundMs * 2)
      }
    }, boundMs)
  }

  function living(to: string): Child[] {
    return [...children.values()].filter(({ role, id, state }) => (role === to || id === to) && state !== 'stopped')
  }

  /** One call to a role becomes a call to each process that has it; one failure fails the whole. */
  async function relay(call: Call): Promise<Message> {
    try {
      const answers = await Promise.all(living(call.to).map((child) => ask(child, call)))
      if (answers.flat().length === 0) throw new ChannelClosed(call.to)
      return { v: 1, type: 'answer', id: call.id, answers: answers.flat() }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return { v: 1, type: 'failure', id: call.id, code: codeOf(error), message }
    }
  }

  return {
    start: (role, id) => start(role, id, 0),
    processes: () => [...children.values()].map((child) => child.info()),
    retire() {
      retired = true
    },
    async drain(role, limits) {
      const some = living(role)
      for (const child of some) child.drain(limits)
      await Promise.all(some.map((child) => endWithin(child, Math.max(limits.limitMs, limits.tunnelsMs) + GRACE_MS)))
    },
    kill() {
      for (const child of children.values()) child.process.kill('SIGKILL')
    },
  }
}

/** @returns nothing from a process that ends meanwhile: it has nothing left to drop, to count or to tell. */
async function ask({ channel, role, process }: Child, { kind, ask: asked }: Call): Promise<unknown[]> {
  try {
    return await channel.call(role, kind, asked as never, RELAY_MS)
  } catch (error) {
    if (process.connected) throw error
    return []
  }
}

async function endWithin(child: Child, limitMs: number): Promise<void> {
  const timer = setTimeout(() => {
    faults.publish({ area: child.role, message: 'ended by force', error: undefined, name: child.id })
    child.process.kill('SIGKILL')
  }, limitMs)
  await child.ended
  clearTimeout(timer)
}
