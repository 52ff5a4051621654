import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'

export type RedisServer = {
  readonly url: string
  readonly port: number
  /** Ends the server; a port given to `startRedis` again brings it back. */
  stop(): Promise<void>
}

/** A real redis-server of its own, on a free port, that keeps nothing. Rejects clearly where it is not installed. */
export async function startRedis(
  folder: string,
  options: { port?: number; password?: string } = {},
): Promise<RedisServer> {
  const port = options.port ?? (await freePort())
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  if (options.password !== undefined) flags.push('--requirepass', options.password)
  const child = spawn('redis-server', flags, { stdio: ['ignore', 'pipe', 'ignore'] })
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('redis-server could not be started: install the package redis-server', { cause: error })
  })
  const exited = once(child, 'exit')
  await Promise.race([ready(child.stdout), failed, exited.then(() => Promise.reject(new Error('redis-server ended')))])
  const secret = options.password === undefined ? '' : `:${options.password}@`
  return {
    url: `redis://${secret}127.0.0.1:${port}`,
    port,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}

async function ready(output: NodeJS.ReadableStream): Promise<void> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes('Ready to accept connections')) {
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
