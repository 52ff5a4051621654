import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import path from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { temporaryFolder } from './test-app.ts'
import { waitUntil } from './wait-until.ts'

export interface RedisServer {
  /** As in BLOT_REDIS_HOST. */
  readonly address: string
  readonly client: Redis
  /** Stops the server at once, as a crash would. */
  stop(): Promise<void>
}

/** Starts a real Redis that keeps nothing. @throws when it is not installed. */
export async function startRedis(t: Test, port?: number): Promise<RedisServer> {
  if (spawnSync('redis-server', ['--version']).error) {
    throw new Error('these tests need redis-server: apt-get install redis-server')
  }
  const chosen = port ?? (await freePort())
  const folder = path.join(temporaryFolder(t))
  const server = spawn('redis-server', ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--dir', folder])
  const exited = once(server, 'exit')
  const client = new Redis({ port: chosen, host: '127.0.0.1', retryStrategy: () => 20 })
  client.on('error', () => undefined)
  const stop = async (): Promise<void> => {
    client.disconnect()
    server.kill('SIGKILL')
    await exited
  }
  t.teardown(stop)
  await waitUntil(() => client.status === 'ready')
  return { address: `127.0.0.1:${chosen}`, client, stop }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
