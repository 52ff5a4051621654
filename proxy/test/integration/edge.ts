import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

export type RunningEdge = {
  readonly process: ChildProcess
  readonly http: number
  readonly https: number
  readonly admin: number
  /** Everything goes here: data, cache, store. */
  readonly directory: string
  /** PEM of the local CA's root, where that is the issuer. */
  readonly ca: string
  /** Access and event lines so far, newest last. */
  readonly log: Record<string, unknown>[]
  /** What it wrote to standard error so far. */
  errors(): string
  /** Resolves with the first log line, past or future, that the test accepts. */
  logged(test: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  stop(): Promise<number | null>
}

/**
 * A folder that goes when the edge in it has ended: call it before `startEdge`, whose teardown then runs first. (tap removes
 * its own `testdir` before any teardown, beneath a running edge.) Others may enter: workers run as another user.
 */
export function temporaryDirectory(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'blot-edge-test-'))
  chmodSync(directory, 0o755)
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  return directory
}

const LAUNCHER = join(import.meta.dirname, '../../../bin/blot-edge')

export type EdgeOptions = {
  /** The launcher; that of this checkout unless told. */
  program?: string
  args: readonly string[]
  directory: string
  environment?: Record<string, string>
  /** The program that starts it, and its own arguments: `prlimit`. */
  under?: readonly string[]
  /** In a process group of its own, which can be signalled as a terminal does. */
  detached?: boolean
}

/** Starts the real command on free ports, in a folder of its own, and resolves once it serves. */
export async function startEdge(t: Test, options: EdgeOptions): Promise<RunningEdge> {
  const { args, directory, environment = {}, under = [], detached = false, program = LAUNCHER } = options
  const log: Record<string, unknown>[] = []
  const watchers = new Set<(line: Record<string, unknown>) => void>()
  const [first = '', ...words] = [...under, program, ...args]
  const child = spawn(first, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
    env: { ...process.env, ...embedded(directory), ...environment },
  })
  t.teardown(() => stop(child))
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as Record<string, unknown>
    log.push(line)
    for (const watch of watchers) watch(line)
  })

  function logged(test: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    const past = log.find(test)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve) => {
      const watch = (line: Record<string, unknown>): void => {
        if (!test(line)) return
        watchers.delete(watch)
        resolve(line)
      }
      watchers.add(watch)
    })
  }

  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the edge ended with ${code} before it served: ${errors}`)
  })
  const running = await Promise.race([logged((line) => line['msg'] === 'running'), ended])
  ended.catch(() => undefined)
  const listeners = running['listeners'] as { name: string; port: number }[]
  const port = (name: string): number => listeners.find((listener) => listener.name === name)?.port ?? 0
  return {
    process: child,
    http: port('http'),
    https: port('https'),
    admin: port('admin'),
    directory,
    get ca() {
      return readFileSync(join(directory, 'edge/local-ca/root.pem'), 'utf8')
    },
    log,
    errors: () => errors,
    logged,
    stop: () => stop(child),
  }
}

/** What `run` needs besides the app: an edge of its own, with one worker and a CA that gives a certificate to any name. */
export function productionEnvironment(directory: string): Record<string, string> {
  return {
    EDGE_ADDRESS: '127.0.0.1',
    EDGE_STORE: `file:${join(directory, 'edge/store')}`,
    EDGE_ISSUER: 'local',
    EDGE_PERMISSION: 'all',
    EDGE_USER: 'nobody',
    EDGE_WORKERS: '1',
    EDGE_PID_FILE: join(directory, 'edge.pid'),
  }
}

function embedded(directory: string): Record<string, string> {
  return {
    BLOT_HOST: 'blot.localhost',
    BLOT_PORT: '0',
    BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
    BLOT_DATA_DIRECTORY: join(directory, 'data'),
    EDGE_DATA_DIRECTORY: join(directory, 'edge'),
    EDGE_HTTP_PORT: '0',
    EDGE_HTTPS_PORT: '0',
    EDGE_ADMIN: '127.0.0.1:0',
    EDGE_LOG: 'json',
    // Most edges have no app behind them: nobody waits for it.
    EDGE_HOLD_MS: '0',
  }
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return child.exitCode
}
