import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Opens connections, one request on each: so many, or until its input ends. Says who answered, and how those that were not
 * answered ended.
 */

export type ConnectionsInput = {
  readonly port: number
  /** How many at a time. */
  readonly concurrency: number
  /** How many in all; 0: until the input ends. */
  readonly connections: number
  /** Between two of them, ms. */
  readonly pauseMs: number
}

export type ConnectionsReport = {
  /** By what the answers said: the pids of workers. */
  readonly answered: Readonly<Record<string, number>>
  readonly failed: Readonly<Record<string, number>>
  readonly ms: number
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n'

const { port, concurrency, connections, pauseMs } = JSON.parse(process.argv[2] ?? '{}') as ConnectionsInput
const answered: Record<string, number> = {}
const failed: Record<string, number> = {}
let left = connections === 0 ? Infinity : connections
process.stdin.resume().on('end', () => (left = 0))

const startedMs = performance.now()
await Promise.all(Array.from({ length: concurrency }, visit))
const report: ConnectionsReport = { answered, failed, ms: performance.now() - startedMs }
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0))

async function visit(): Promise<void> {
  while (left-- > 0) {
    await ask().then(
      (who) => (answered[who] = (answered[who] ?? 0) + 1),
      (error: Error) => (failed[error.message] = (failed[error.message] ?? 0) + 1),
    )
    if (pauseMs > 0) await delay(pauseMs)
  }
}

function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const [, length, body = ''] = /^HTTP\/1\.1 200 OK\r\ncontent-length: (\d+)\r\n\r\n(.*)$/.exec(received) ?? []
      if (length === undefined || body.length < Number(length)) return
      resolve(body)
      socket.end()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.code ?? error.message)))
    socket.on('close', () => reject(new Error('ended without an answer')))
  })
}
