import { ChannelClosed, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Call } from './channel.ts'
import { startChild, type Child, type ChildOptions, type ChildRole } from './child.ts'
import type { Message, ProcessInfo } from './messages.ts'

/** What is the same for every child, and what follows from its role. */
export type SupervisorOptions = Pick<ChildOptions, 'user' | 'environment' | 'handlers'> & {
  /** The command line of a child but for its role: `[main.ts]`. */
  readonly argv: readonly string[]
  inheritedBy(role: ChildRole): readonly number[]
  settingsOf(id: string): unknown
}

/** The children of the primary: started, replaced when they end, and put through to each other. */
export type Supervisor = {
  start(role: ChildRole, id: string): Child
  processes(): ProcessInfo[]
  /** From now on nobody is replaced. */
  retire(): void
  /** Resolves when every child of the role has ended, by force where it takes longer. */
  drain(role: ChildRole, limitMs: number): Promise<void>
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
  function start(role: ChildRole, id: string, waitedMs: number): Child {
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
      onEvent: (message) => withRole('manager').forEach(({ channel }) => channel.send(message)),
    })
    children.set(id, child)
    // The first of its name must come up: whoever started it is told by `ready` when it does not.
    let worthReplacing = waitedMs > 0
    child.ready.then(
      () => (worthReplacing = true),
      () => undefined,
    )
    const startedMs = performance.now()
    void child.ended.then(() => {
      if (!worthReplacing) return
      const lasted = waitedMs === 0 || performance.now() - startedMs > LASTED_MS
      const waitMs = lasted ? RESTART_MS : Math.min(waitedMs * 2, RESTART_MAX_MS)
      setTimeout(() => {
        if (!retired) start(role, id, waitMs)
      }, waitMs)
    })
    return child
  }

  function withRole(role: string): Child[] {
    return [...children.values()].filter((child) => child.role === role && child.state !== 'stopped')
  }

  /** One call to a role becomes a call to each process that has it; one failure fails the whole. */
  async function relay(call: Call): Promise<Message> {
    const targets = withRole(call.to)
    try {
      if (targets.length === 0) throw new ChannelClosed(call.to)
      const answers = await Promise.all(
        targets.map(({ channel, role }) => channel.call(role, call.kind, call.ask as never, RELAY_MS)),
      )
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
    async drain(role, limitMs) {
      const some = withRole(role)
      for (const child of some) child.drain(limitMs)
      await Promise.all(some.map((child) => endWithin(child, limitMs + GRACE_MS)))
    },
    kill() {
      for (const child of children.values()) child.process.kill('SIGKILL')
    },
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
