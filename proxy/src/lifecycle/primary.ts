import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { bindListener, type BoundListener } from './listener.ts'
import type { ListenerInfo, ProcessInfo, ProcessState } from './messages.ts'
import { FIRST_INHERITED_FD, type ChildSettings } from './settings.ts'
import { createSupervisor } from './supervisor.ts'

export type PrimaryOptions = {
  config: Config
  version: string
  /** The command line of a child but for its role: `[main.ts]`. */
  argv: readonly string[]
  /** The environment of children: no secret is in it. */
  environment: Readonly<Record<string, string | undefined>>
  user: { uid: number; gid: number } | undefined
  /** Ends the start: what has been opened by then is closed. */
  signal: AbortSignal
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

/** The manager has no visitor to wait for: a few answers of the admin API, and the order under way is given up. */
const MANAGER_DRAIN_MS = 5000

/**
 * Binds, starts the manager and the workers, and keeps them alive. Serves nothing itself.
 * Resolves when the manager and each worker answer; rejects, with nothing left open, when one cannot start or `signal` aborts.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { version, argv, environment, user, signal } = options
  const startedAt = new Date().toISOString()
  const bound = bindAll(options.config)
  const listeners: ListenerInfo[] = bound.map(describe)
  let config = withPorts(options.config, listeners)
  let state: ProcessState = 'starting'

  const supervisor = createSupervisor({
    argv,
    environment,
    user,
    inheritedBy: (role) => (role === 'worker' ? bound.map(({ listener }) => listener.fd) : []),
    settingsOf(id): ChildSettings {
      const inherited = bound.map((one, i) => ({ ...describe(one), fd: FIRST_INHERITED_FD + i }))
      return { id, version, startedAt, config, listeners: inherited }
    },
    handlers: {
      async processes() {
        const rssBytes = process.memoryUsage.rss()
        const self: ProcessInfo = { role: 'primary', id: 'primary', pid: process.pid, state, startedAt, rssBytes }
        return { state, processes: [self, ...supervisor.processes()], listeners }
      },
    },
  })

  async function stop(limitMs: number): Promise<void> {
    if (state === 'stopped') return
    state = 'draining'
    supervisor.retire()
    // Ours first: a connection that comes once the workers have closed theirs is refused, and not left in a queue.
    for (const { listener } of bound) listener.close()
    const managerMs = Math.min(limitMs, MANAGER_DRAIN_MS)
    // Workers before the manager: while they drain, it still answers them.
    await supervisor.drain('worker', { limitMs, tunnelsMs: limitMs })
    await supervisor.drain('manager', { limitMs: managerMs, tunnelsMs: managerMs })
    state = 'stopped'
  }

  try {
    const prepared = options.beforeChildren && untilAborted(options.beforeChildren(listeners), signal)
    config = withPorts((await prepared) ?? config, listeners)
    const manager = supervisor.start('manager', 'manager')
    const workers = Array.from({ length: config.workers }, (_, i) => supervisor.start('worker', `worker-${i + 1}`))
    const ready = Promise.all([manager, ...workers].map((child) => child.ready))
    listeners.push(...(await untilAborted(ready, signal)).flat())
    // A manager that replaces this one opens the same port.
    config = withPorts(config, listeners)
    state = 'running'
  } catch (error) {
    await stop(0)
    throw error
  }
  return { listeners, stop, kill: supervisor.kill }
}

type Bound = { name: 'http' | 'https'; listener: BoundListener }

function describe({ name, listener: { address, port } }: Bound): ListenerInfo {
  return { name, address, port }
}

function bindAll(config: Config): Bound[] {
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

/** Redirects, links and replaced processes get the ports that were really bound. */
function withPorts(config: Config, listeners: readonly ListenerInfo[]): Config {
  const port = (name: string): number | undefined => listeners.find((listener) => listener.name === name)?.port
  return {
    ...config,
    httpPort: port('http') ?? config.httpPort,
    httpsPort: port('https') ?? config.httpsPort,
    admin: config.admin.kind === 'tcp' ? { ...config.admin, port: port('admin') ?? config.admin.port } : config.admin,
  }
}
