import type { Config } from '../config.ts'
import { ChannelClosed, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Call } from './channel.ts'
import { startChild, type Child, type ChildRole } from './child.ts'
import { bindListener, type BoundListener } from './listener.ts'
import type { ListenerInfo, Message, ProcessInfo, ProcessState } from './messages.ts'
import { FIRST_INHERITED_FD, type ChildSettings } from './settings.ts'

export type PrimaryOptions = {
  config: Config
  version: string
  /** The command line of a child but for its role: `[main.ts]`. */
  argv: readonly string[]
  /** The environment of children: no secret is in it. */
  environment: Readonly<Record<string, string | undefined>>
  user: { uid: number; gid: number } | undefined
  /** Called once the sockets are bound and before anybody serves; its configuration is what the children get. */
  beforeChildren?(listeners: readonly ListenerInfo[]): Promise<Config>
}

export type Primary = {
  readonly listeners: readonly ListenerInfo[]
  /** Drains every process and resolves when all have ended. */
  stop(limitMs: number): Promise<void>
  /** Ends every process at once: what `stop` waits for is over then. */
  kill(): void
}

const MANAGER = 'manager'
/** A child that dies is replaced after 0.1 s, doubled up to 10 s for each one that did not last. */
const RESTART_MS = 100
const RESTART_MAX_MS = 10_000
const LASTED_MS = 10_000
/** Whoever calls has a limit of its own; this one only keeps the list of pending calls bounded. */
const RELAY_MS = 10 * 60_000

const faults = edgeChannel('fault')

/**
 * Binds, starts the manager and the workers, keeps them alive, and passes their calls on. Serves nothing itself.
 * Resolves when the manager and each worker answer; rejects, with nothing left open, when one cannot start.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const startedAt = new Date().toISOString()
  const bound = bindAll(options.config)
  const listeners: ListenerInfo[] = bound.map(({ name, listener }) => ({
    name,
    address: listener.address,
    port: listener.port,
  }))
  const children = new Map<string, Child>()
  let state: ProcessState = 'starting'
  let config = withPorts(options.config, listeners)

  function start(role: ChildRole, id: string, delayMs: number): Child {
    const settings: ChildSettings = {
      id,
      version: options.version,
      startedAt,
      config,
      listeners: bound.map(({ name, listener }, i) => ({
        name,
        address: listener.address,
        port: listener.port,
        fd: FIRST_INHERITED_FD + i,
      })),
    }
    const child = startChild({
      role,
      id,
      argv: [...options.argv, role],
      fds: role === 'worker' ? bound.map(({ listener }) => listener.fd) : [],
      user: options.user,
      environment: options.environment,
      settings: { v: 1, type: 'start', settings },
      handlers: { processes: () => Promise.resolve({ state, processes: processes(), listeners }) },
      relay,
      onEvent: (message) => children.get(MANAGER)?.channel.send(message),
    })
    const startedMs = performance.now()
    children.set(id, child)
    void child.ended.then(() => {
      if (state !== 'running') return
      const lasted = performance.now() - startedMs > LASTED_MS
      const nextMs = lasted ? RESTART_MS : Math.min(Math.max(delayMs, RESTART_MS) * 2, RESTART_MAX_MS)
      setTimeout(() => {
        if (state === 'running') start(role, id, nextMs)
      }, nextMs)
    })
    return child
  }

  function processes(): ProcessInfo[] {
    const self: ProcessInfo = {
      role: 'primary',
      id: 'primary',
      pid: process.pid,
      state,
      startedAt,
      rssBytes: process.memoryUsage.rss(),
    }
    return [self, ...[...children.values()].map((child) => child.info())]
  }

  /** One call to a role becomes a call to each process that has it; one failure fails the whole. */
  async function relay(call: Call): Promise<Message> {
    const targets = [...children.values()].filter(({ role, state: at }) => role === call.to && at !== 'stopped')
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

  async function stop(limitMs: number): Promise<void> {
    if (state === 'stopped') return
    state = 'draining'
    // Ours first: a connection that comes once the workers have closed theirs is refused, and not left in a queue.
    for (const { listener } of bound) listener.close()
    const all = [...children.values()]
    // Workers first: while they drain, the manager still answers them.
    for (const role of ['worker', 'manager'] as const) {
      const some = all.filter((child) => child.role === role)
      for (const child of some) child.drain(limitMs)
      await Promise.all(some.map((child) => endWithin(child, limitMs + GRACE_MS)))
    }
    state = 'stopped'
  }

  try {
    config = withPorts((await options.beforeChildren?.(listeners)) ?? config, listeners)
    const manager = start('manager', MANAGER, 0)
    const workers = Array.from({ length: config.workers }, (_, i) => start('worker', `worker-${i + 1}`, 0))
    const opened = await Promise.all([manager, ...workers].map(({ ready }) => ready))
    listeners.push(...opened.flat())
    state = 'running'
  } catch (error) {
    await stop(0)
    throw error
  }
  return {
    listeners,
    stop,
    kill() {
      for (const child of children.values()) child.process.kill('SIGKILL')
    },
  }
}

const GRACE_MS = 2000

async function endWithin(child: Child, limitMs: number): Promise<void> {
  const timer = setTimeout(() => {
    faults.publish({ area: child.role, message: 'ended by force', error: undefined, name: child.id })
    child.process.kill('SIGKILL')
  }, limitMs)
  await child.ended
  clearTimeout(timer)
}

function bindAll(config: Config): { name: 'http' | 'https'; listener: BoundListener }[] {
  const http = bindListener(config.address, config.httpPort, 'EDGE_HTTP_PORT')
  try {
    const https = bindListener(config.address, config.httpsPort, 'EDGE_HTTPS_PORT')
    return [
      { name: 'http', listener: http },
      { name: 'https', listener: https },
    ]
  } catch (error) {
    http.close()
    throw error
  }
}

/** Redirects and links name the ports that were really bound. */
function withPorts(config: Config, listeners: readonly ListenerInfo[]): Config {
  const port = (name: string): number | undefined => listeners.find((listener) => listener.name === name)?.port
  return {
    ...config,
    httpPort: port('http') ?? config.httpPort,
    httpsPort: port('https') ?? config.httpsPort,
  }
}
