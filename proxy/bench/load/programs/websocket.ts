import { once } from 'node:events'
import { WebSocket } from 'ws'
import { json } from 'node:stream/consumers'
import { percentile, type LoadResult } from '../load.ts'

/** WebSocket connections that each send a message, wait for its echo, and send the next. */

const CONNECTIONS = 32
const MESSAGE = 'm'.repeat(1024)

const { port, seconds, host } = (await json(process.stdin)) as {
  port: number
  seconds: number
  host: string
}
const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, open))
const durations: number[] = []
let errors = 0

const startedMs = performance.now()
const endMs = startedMs + seconds * 1000
await Promise.all(sockets.map(converse))
const elapsed = (performance.now() - startedMs) / 1000

durations.sort((left, right) => left - right)
const report: LoadResult = {
  count: durations.length,
  errors,
  seconds: elapsed,
  p50Ms: percentile(durations, 0.5),
  p99Ms: percentile(durations, 0.99),
}
process.stdout.write(JSON.stringify(report))

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, { headers: { host }, perMessageDeflate: false })
  await once(socket, 'open')
  return socket
}

function converse(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    let sentMs = performance.now()
    socket.on('message', (data: Buffer) => {
      if (data.length === MESSAGE.length) durations.push(performance.now() - sentMs)
      else errors++
      sentMs = performance.now()
      if (sentMs < endMs) socket.send(MESSAGE)
      else socket.terminate()
    })
    socket.once('error', () => errors++)
    socket.once('close', () => resolve())
    socket.send(MESSAGE)
  })
}
