import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { childrenOf } from '../machine/processes.ts'
import { startWith as startCaddyWith } from './caddy.ts'
import { ALONE } from './edge-processes.ts'
import { startEdge, type RunningEdge } from './edge.ts'
import { findFreePort } from './launch.ts'
import { startWith as startNginxWith } from './nginx.ts'
import type { Contestant, Server, ServerOptions } from './server.ts'

/** A server with two workers that takes a new configuration while it serves. */
export type Reloadable = Server & {
  /** Resolves when the new configuration serves; what is under way with the old one goes on. */
  reload(): Promise<void>
}

const LOOK_MS = 20
const STOP_MS = 15_000

export const START_RELOADABLE: Record<Contestant, (options: ServerOptions) => Promise<Reloadable>> = {
  async edge(options) {
    const edge = await startTwoWorkers(options)
    return { ...edge, reload: () => post(edge, '/reload') }
  },

  async nginx(options) {
    const [http, https] = [await findFreePort(), await findFreePort()]
    const { directory, core } = options
    const running = await startNginxWith('reload.nginx.conf', directory, core, { ...options, http, https })
    return { name: 'nginx', http, https, ...running, reload: () => reloadNginx(running.pid) }
  },

  async caddy(options) {
    const { directory, core, certificate, upstreamPort } = options
    const admin = await findFreePort()
    const values = { certificate, upstreamPort, admin }
    const caddy = await startCaddyWith('reload.Caddyfile', { directory, core }, values)
    const config = ['--config', join(directory, 'Caddyfile'), '--adapter', 'caddyfile', '--force']
    const address = ['--address', `127.0.0.1:${admin}`]
    // It answers once the new configuration serves.
    const reload = async (): Promise<void> =>
      void (await promisify(execFile)('caddy', ['reload', ...config, ...address]))
    return { ...caddy, reload }
  },
}

/** The edge with two workers. */
export function startTwoWorkers(options: ServerOptions): Promise<RunningEdge> {
  return startEdge({ ...options, environment: { EDGE_WORKERS: '2', ...options.environment } })
}

/** The same, to be ended also when another primary than the first one serves: that is in the group of the first. */
export async function startReplaceable(options: ServerOptions): Promise<RunningEdge> {
  const edge = await startTwoWorkers(options)
  const pidFile = join(options.directory, 'edge.pid')
  return {
    ...edge,
    async stop() {
      const deadlineMs = performance.now() + STOP_MS
      await edge.stop()
      while (existsSync(pidFile) && performance.now() < deadlineMs) await sleep(LOOK_MS)
      if (existsSync(pidFile)) process.kill(-edge.pid, 'SIGKILL')
    },
  }
}

/** Asks the edge to do something. Resolves when that is done. */
export async function post({ admin }: Pick<RunningEdge, 'admin'>, path: string, body?: object): Promise<void> {
  const headers = { ...ALONE, ...(body && { 'content-type': 'application/json' }) }
  const json = body && { body: JSON.stringify(body) }
  const response = await fetch(`http://127.0.0.1:${admin}${path}`, { method: 'POST', headers, ...json })
  const said = await response.text()
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${said}`)
}

/** As `nginx -s reload` does. */
async function reloadNginx(master: number): Promise<void> {
  const before = childrenOf(master)
  process.kill(master, 'SIGHUP')
  while (childrenOf(master).filter((pid) => !before.includes(pid)).length < 2) await sleep(LOOK_MS)
}
