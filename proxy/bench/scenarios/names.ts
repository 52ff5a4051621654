import { once } from 'node:events'
import tls from 'node:tls'
import { withServers } from '../contest.ts'
import { memoryOf } from '../machine/processes.ts'
import type { Lab, Scenario } from '../scenario.ts'
import type { Server } from '../servers/server.ts'

const FULL = 10_000
const QUICK = 500
const CONCURRENCY = 8

/** Every handshake is for a name never seen: permission, order, vault, context. */
export const firstHandshakes: Scenario = {
  name: 'names',
  question:
    'What does the first handshake for a name take, and what memory is taken after 10,000 (--quick: 500) names?',
  async run(lab) {
    const count = lab.quick ? QUICK : FULL
    await withServers({ name: 'names', contestants: ['edge'] }, lab, async ([edge]) => {
      if (edge === undefined) return
      await askFor(edge, count, lab)
      const { residentBytes } = memoryOf(edge.pid)
      const measure = { name: `memory after ${count.toLocaleString('en')} names`, unit: 'MB' } as const
      lab.record('edge', measure, { figure: residentBytes / 2 ** 20 })
    })
  },
}

async function askFor(edge: Server, count: number, lab: Lab): Promise<void> {
  const durations: number[] = []
  let next = 0
  async function visitor(): Promise<void> {
    while (next < count) {
      lab.signal.throwIfAborted()
      if (next % 100 === 0) lab.progress(`${next} of ${count} names`)
      durations.push(await handshake(edge.https, `www.site${next++}.example`))
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, visitor))
  durations.sort((left, right) => left - right)
  for (const [label, share] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const figure = durations[Math.floor(count * share)] ?? NaN
    lab.record('edge', { name: `first handshake, ${label}`, unit: 'ms' }, { figure })
  }
}

async function handshake(port: number, servername: string): Promise<number> {
  const startedMs = performance.now()
  const socket = tls.connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const durationMs = performance.now() - startedMs
  const covers = socket.getPeerCertificate().subjectaltname === `DNS:${servername}`
  socket.destroy()
  if (!covers) throw new Error(`${servername} got a certificate of another name`)
  return durationMs
}
