import type { Config } from '../config.ts'
import { bindListener, type BoundListener } from './listener.ts'
import type { ListenerInfo, ProcessState } from './messages.ts'
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

/**
 * Binds, starts the manager and the workers, and keeps them alive. Serves nothing itself.
 * Resolves when the manager and each worker answer; rejects, with nothing left open, when one cannot start.
 */
export async function startPrimary(options: PrimaryOptions): Promise<Primary> {
  const { version, argv, environment, user } = options
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
        const self = { role: 'primary' as const, id: 'primary', pid: process.pid, state, startedAt, rssBytes }
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
    // Workers before the manager: while they drain, it still answers them.
    await supervisor.drain('worker', limitMs)
    await supervisor.drain('manager', limitMs)
    state = 'stopped'
  }

  try {
    config = withPorts((await options.beforeChildren?.(listeners)) ?? config, listeners)
    const manager = supervisor.start('manager', 'manager')
    const workers = Array.from({ length: config.workers }, (_, i) => supervisor.start('worker', `worker-${i + 1}`))
    const opened = await Promise.all([manager, ...workers].map(({ ready }) => ready))
    listeners.push(...opened.flat())
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

/** Redirects and links name the ports that were really bound. */
function withPorts(config: Config, listeners: readonly ListenerInfo[]): Config {
  const port = (name: string): number | undefined => listeners.find((listener) => listener.name === name)?.port
  return {
    ...config,
    httpPort: port('http') ?? config.httpPort,
    httpsPort: port('https') ?? config.httpsPort,
  }
}
