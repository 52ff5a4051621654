import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { handOver, UNPRIVILEGED } from '../machine/owner.ts'
import { launch, untilReady } from './launch.ts'
import type { Server, ServerOptions } from './server.ts'

export type RunningEdge = Server & { readonly admin: number }

export const ROOT = join(import.meta.dirname, '../../..')

/** The edge as in production, with one worker. */
export function startEdge(options: ServerOptions): Promise<RunningEdge> {
  const { directory, cache, certificate, upstreamPort, core } = options
  mkdirSync(directory, { recursive: true })
  handOver(directory)
  return startCommand({
    command: [join(ROOT, 'bin/blot-edge'), 'run'],
    core,
    directory,
    environment: {
      BLOT_HOST: 'bench.test',
      BLOT_CACHE_DIRECTORY: cache,
      BLOT_DATA_DIRECTORY: join(directory, 'data'),
      EDGE_ADDRESS: '127.0.0.1',
      EDGE_UPSTREAMS: `http://127.0.0.1:${upstreamPort}`,
      EDGE_WILDCARD_CERTIFICATE: certificate,
      EDGE_WILDCARD_KEY: certificate,
      EDGE_STORE: `file:${join(directory, 'store')}`,
      EDGE_ISSUER: 'local',
      EDGE_PERMISSION: 'all',
      EDGE_WORKERS: '1',
      EDGE_USER: UNPRIVILEGED,
      EDGE_PID_FILE: join(directory, 'edge.pid'),
      ...options.environment,
    },
  })
}

type CommandOptions = {
  command: readonly [string, ...string[]]
  core: string
  directory: string
  environment: Readonly<Record<string, string>>
}

/** Starts a command that ends in a running edge, on free ports, with folders beneath `directory`. */
export async function startCommand({ command, core, directory, environment }: CommandOptions): Promise<RunningEdge> {
  mkdirSync(directory, { recursive: true })
  const logFile = join(directory, 'access.log')
  const [program, ...args] = command
  const ports = {
    EDGE_DATA_DIRECTORY: join(directory, 'edge'),
    EDGE_HTTP_PORT: '0',
    EDGE_HTTPS_PORT: '0',
    EDGE_ADMIN: '127.0.0.1:0',
    EDGE_LOG: 'json',
  }
  const launched = await launch({
    command: program,
    args,
    core,
    logFile,
    directory: ROOT,
    environment: { ...ports, ...environment },
  })
  await untilReady(launched, logFile, () => Promise.resolve(readPorts(logFile) !== undefined))
  const found = readPorts(logFile)
  const portOf = (name: string): number => found?.get(name) ?? 0
  return {
    name: 'edge',
    pid: launched.pid,
    http: portOf('http'),
    https: portOf('https'),
    admin: portOf('admin'),
    logFile,
    stop: () => launched.stop(),
  }
}

/** The line `running` of the log names the ports. */
function readPorts(logFile: string): Map<string, number> | undefined {
  const line = readFileSync(logFile, 'utf8')
    .split('\n')
    .find((text) => text.startsWith('{') && text.includes('"msg":"running"') && text.endsWith('}'))
  if (line === undefined) return undefined
  const { listeners } = JSON.parse(line) as { listeners: { name: string; port: number }[] }
  return new Map(listeners.map(({ name, port }) => [name, port]))
}
