import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type BenchedEdge = {
  readonly http: number
  readonly https: number
  readonly admin: number
  stop(): Promise<void>
}

export const ROOT = join(import.meta.dirname, '../..')

/** Starts a command that ends in a running edge, on free ports, with folders of its own. */
export async function startBenchedEdge(
  command: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<BenchedEdge> {
  const directory = await mkdtemp(join(tmpdir(), 'blot-edge-bench-'))
  // npm does not pass signals on to everything that it started: the whole group is ended.
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, ...embedded(directory), ...environment },
  })
  const ports = await readPorts(child.stdout)
  return {
    http: ports.get('http') ?? 0,
    https: ports.get('https') ?? 0,
    admin: ports.get('admin') ?? 0,
    async stop() {
      const ended = once(child, 'exit')
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
      await ended
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function embedded(directory: string): Record<string, string> {
  return {
    BLOT_PORT: '0',
    BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
    BLOT_DATA_DIRECTORY: join(directory, 'data'),
    EDGE_DATA_DIRECTORY: join(directory, 'edge'),
    EDGE_HTTP_PORT: '0',
    EDGE_HTTPS_PORT: '0',
    EDGE_ADMIN: '127.0.0.1:0',
    EDGE_LOG: 'json',
  }
}

/** The line `running` of the log names the ports. What follows is read and dropped, so that the pipe never fills. */
function readPorts(output: NodeJS.ReadableStream): Promise<Map<string, number>> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: output })
    lines.on('line', (line) => {
      if (!line.includes('"msg":"running"')) return
      const { listeners } = JSON.parse(line) as { listeners: { name: string; port: number }[] }
      resolve(new Map(listeners.map(({ name, port }) => [name, port])))
    })
    lines.on('close', () => reject(new Error('the edge ended before it served')))
  })
}
