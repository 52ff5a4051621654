import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type RedisServer = {
  readonly url: string
  readonly port: number
  /** Keeps its connections, takes new ones, and answers nobody until it is told to go on. */
  suspend(): void
  resume(): void
  /** Ends the server; a port given to `startRedis` again brings it back. */
  stop(): Promise<void>
}

/** A real redis-server of its own, on a free port, that keeps nothing. Rejects clearly where it is not installed. */
export async function startRedis(
  folder: string,
  options: { port?: number; password?: string; flags?: readonly string[] } = {},
): Promise<RedisServer> {
  const port = options.port ?? (await freePort())
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  if (options.password !== undefined) flags.push('--requirepass', options.password)
  const running = await run([...flags, ...(options.flags ?? [])], 'Ready to accept connections')
  const secret = options.password === undefined ? '' : `:${options.password}@`
  return { url: `redis://${secret}127.0.0.1:${port}`, port, ...running }
}

/** A real Sentinel that watches a master as `main`, alone; resolves once it knows the master's replica. */
export async function startSentinel(folder: string, master: RedisServer): Promise<RedisServer> {
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 200',
    'sentinel failover-timeout main 2000',
  ]
  await writeFile(file, lines.join('\n'))
  const running = await run([file, '--sentinel'], '+slave')
  return { url: `redis+sentinel://127.0.0.1:${port}/main`, port, ...running }
}

/** Runs it until it has said that it is ready. */
async function run(
  args: readonly string[],
  readyLine: string,
): Promise<Pick<RedisServer, 'suspend' | 'resume' | 'stop'>> {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('redis-server could not be started: install the package redis-server', { cause: error })
  })
  const exited = once(child, 'exit')
  const ended = exited.then(() => Promise.reject(new Error('redis-server ended')))
  await Promise.race([ready(child.stdout, readyLine), failed, ended])
  return {
    suspend: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}

async function ready(output: NodeJS.ReadableStream, readyLine: string): Promise<void> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes(readyLine)) {
      output.resume()
      return
    }
  }
  throw new Error('redis-server ended before it was ready')
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return address.port
}
