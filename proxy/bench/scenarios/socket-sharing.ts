import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionsInput, ConnectionsReport } from '../load/programs/connections.ts'
import { cpuMsOf } from '../machine/processes.ts'
import type { Lab, Measure, Scenario } from '../scenario.ts'
import { startSharing, WAYS, type SharingServer, type Way } from '../servers/sharing.ts'

const CONNECTIONS = { full: 10_000, quick: 3000 }
const WARM_UP = 1000
const BUSY = { concurrency: 32, pauseMs: 0 }
/** A visitor now and then: whoever waits, gets it. */
const CALM = { concurrency: 1, pauseMs: 2, connections: 300 }
const REPLACEMENTS = { full: 20, quick: 5 }
const PAUSE_MS = 200
const PROGRAM = join(import.meta.dirname, '../load/programs/connections.ts')

/** Small servers of the bench's own, so that nothing but the way is compared. They have all cores, as workers have in production. */
export const socketSharing: Scenario = {
  name: 'socket-sharing',
  question: 'What does a connection cost, who gets it, and is it lost, by the way in which workers share a port?',
  async run(lab) {
    for (let round = 1; round <= lab.rounds; round++) {
      for (const way of WAYS) {
        lab.progress(`round ${round} of ${lab.rounds}, ${way}`)
        const server = await startSharing(way, `${lab.cores.server},${lab.cores.load}`, lab.signal)
        try {
          await measure(way, server, lab)
        } finally {
          await server.stop()
        }
      }
    }
  },
}

async function measure(way: Way, server: SharingServer, lab: Lab): Promise<void> {
  const record = (name: string, unit: Measure['unit'], figure: number): void =>
    lab.record('edge', { name: `${name}, ${way}`, unit }, { figure })
  const { port, pid } = server
  await open({ ...BUSY, port, connections: WARM_UP }, lab)
  const beforeMs = cpuMsOf(pid)
  const connections = lab.quick ? CONNECTIONS.quick : CONNECTIONS.full
  const busy = await open({ ...BUSY, port, connections }, lab)
  record('CPU per connection', 'µs', ((cpuMsOf(pid) - beforeMs) / connections) * 1000)
  record('time per connection', 'µs', (busy.ms / connections) * 1000)
  record('share of the busier worker', '%', shareOfBusiest(busy))
  record('share of the busier worker, few visitors', '%', shareOfBusiest(await open({ ...CALM, port }, lab)))
  const load = startLoad({ ...BUSY, port, connections: 0 }, lab)
  for (let count = 0; count < (lab.quick ? REPLACEMENTS.quick : REPLACEMENTS.full); count++) {
    await sleep(PAUSE_MS, undefined, { signal: lab.signal })
    await server.replace()
  }
  const { answered, failed } = await load.end()
  const [lost, served] = [sum(failed), sum(answered)]
  record('lost while workers are replaced', 'requests', lost)
  record('answered meanwhile', 'requests', served)
  for (const [how, count] of Object.entries(failed)) lab.note(`${way}: ${count} of ${lost + served}: ${how}`)
  if (way === 'descriptor' && lost > 0) throw new Error(`${lost} of ${lost + served} connections were lost`)
}

async function open(input: ConnectionsInput, lab: Lab): Promise<ConnectionsReport> {
  const report = await startLoad(input, lab).report
  if (sum(report.failed) > 0) throw new Error(`connections failed: ${JSON.stringify(report.failed)}`)
  return report
}

type Load = { readonly report: Promise<ConnectionsReport>; end(): Promise<ConnectionsReport> }

function startLoad(input: ConnectionsInput, { signal }: Lab): Load {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  })
  child.on('error', () => undefined)
  const said = Promise.all([text(child.stdout), once(child, 'exit')])
  const report = said.then(([json]) => JSON.parse(json) as ConnectionsReport)
  report.catch(() => undefined)
  return {
    report,
    end() {
      child.stdin.end()
      return report
    },
  }
}

function shareOfBusiest({ answered }: ConnectionsReport): number {
  return (Math.max(...Object.values(answered)) / sum(answered)) * 100
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
