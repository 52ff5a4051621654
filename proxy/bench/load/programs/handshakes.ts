import tls from 'node:tls'
import { json } from 'node:stream/consumers'
import { percentile, type LoadResult } from '../load.ts'

/** TLS connections, one after the other on each of a few lanes: handshake and end. No request is sent. */

type Input = {
  port: number
  seconds: number
  /** Names to ask for, in random order. */
  names: readonly string[]
  /** Ask for each name exactly once, however long it takes. */
  once: boolean
  resumed: boolean
  version: 'TLSv1.2' | 'TLSv1.3'
}

const LANES = 16
const LIMIT_MS = 20_000
const input = (await json(process.stdin)) as Input
const { names, resumed, version } = input
const sessions = new Map<string, Buffer>()
const durations: number[] = []
let errors = 0
let asked = 0

if (resumed) for (const name of names) await shake(name)
const startedMs = performance.now()
const endMs = input.once ? Infinity : startedMs + input.seconds * 1000
await Promise.all(Array.from({ length: LANES }, lane))
const seconds = (performance.now() - startedMs) / 1000

durations.sort((left, right) => left - right)
const report: LoadResult = {
  count: durations.length,
  errors,
  seconds,
  p50Ms: percentile(durations, 0.5),
  p99Ms: percentile(durations, 0.99),
}
process.stdout.write(JSON.stringify(report))

async function lane(): Promise<void> {
  while (performance.now() < endMs && !(input.once && asked >= names.length)) {
    const index = input.once ? asked : Math.floor(Math.random() * names.length)
    asked++
    const name = names[index] ?? ''
    try {
      const beganMs = performance.now()
      if ((await shake(name)) === resumed) durations.push(performance.now() - beganMs)
      else errors++
    } catch {
      errors++
    }
  }
}

/** @returns whether the session was resumed. */
function shake(servername: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const session = sessions.get(servername)
    const socket = tls.connect({
      port: input.port,
      host: '127.0.0.1',
      servername,
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      // What all servers know; Node alone would agree on a post-quantum group with itself.
      ecdhCurve: 'X25519:P-256',
      ...(session === undefined ? {} : { session }),
    })
    let isReused = false
    socket.once('secureConnect', () => {
      isReused = socket.isSessionReused()
      // TLS 1.3 sends its tickets when the handshake is over (RFC 8446 4.6.1): the first one is waited for.
      if (!resumed || session !== undefined) socket.end()
      else if (version === 'TLSv1.2') keep(socket.getSession())
    })
    const keep = (ticket: Buffer | undefined): void => {
      if (resumed && ticket !== undefined) sessions.set(servername, ticket)
      socket.end()
    }
    if (resumed && session === undefined && version === 'TLSv1.3') socket.once('session', keep)
    socket.on('data', () => undefined)
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('no answer in time')))
    socket.once('error', reject)
    // The server ends its side last, when it is done with the handshake too.
    socket.once('close', () => resolve(isReused))
  })
}
