import { once } from 'node:events'
import tls from 'node:tls'
import { startBenchedEdge, type BenchedEdge } from '../edge.ts'
import type { Report, Scenario } from '../scenario.ts'

const NAMES = 10_000
const EVERY = 1000
const CONCURRENCY = 8

type Status = { processes: { role: string; rssBytes: number }[] }

/** Every handshake is for a name never seen: permission, order, vault, context. */
export const names: Scenario = {
  name: 'names',
  question: 'Does memory stay bounded when 10,000 different names are asked for, and what does a first handshake take?',
  async run(report) {
    const args = ['dev']
    const edge = await startBenchedEdge('bin/blot-edge', args, { EDGE_PERMISSION: 'all' })
    try {
      for (let first = 0; first < NAMES; first += EVERY) await askFor(edge, first, report)
    } finally {
      await edge.stop()
    }
  },
}

async function askFor(edge: BenchedEdge, first: number, report: Report): Promise<void> {
  const durations: number[] = []
  let next = first
  async function visitor(): Promise<void> {
    while (next < first + EVERY) durations.push(await handshake(edge.https, `www.site${next++}.example`))
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, visitor))
  durations.sort((left, right) => left - right)
  report.sample('first handshake for a name, p50', durations[Math.floor(EVERY / 2)] ?? NaN, 'ms')
  report.sample('first handshake for a name, p99', durations[Math.floor(EVERY * 0.99)] ?? NaN, 'ms')
  const response = await fetch(`http://127.0.0.1:${edge.admin}/status`)
  const { processes } = (await response.json()) as Status
  const worker = processes.find(({ role }) => role === 'worker')
  report.sample(`worker memory after ${first + EVERY} names`, (worker?.rssBytes ?? NaN) / 2 ** 20, 'MB')
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
