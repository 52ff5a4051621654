import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { copyToVault, nameAt } from '../certificates.ts'
import { firstPage } from '../first-page.ts'
import { handOver } from '../machine/owner.ts'
import { memoryOf } from '../machine/processes.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startWithUpstream } from '../servers/edge-with-upstream.ts'

const STORED = 10_000
const QUICK = 1000
const ASKED = 1000

/** Certificates that another machine, or an earlier edge, left in the store. */
export const stored: Scenario = {
  name: 'stored-10k',
  question:
    'With 10,000 (--quick: 1,000) stored names: how long from start to the first page, and what memory does a name take?',
  async run(lab) {
    if (!lab.contestants.includes('edge')) return
    const count = lab.quick ? QUICK : STORED
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}`)
      const without = await start(lab, 0, async () => undefined)
      const withAll = await start(lab, count, (port) => askFor(port, ASKED))
      const label = `${count.toLocaleString('en')} stored`
      lab.record('edge', { name: `start to first page, ${label}`, unit: 'ms' }, { figure: withAll.firstPageMs })
      const cold = (withAll.startedBytes - without.startedBytes) / count / 1024
      lab.record(
        'edge',
        { name: 'memory a stored name that nobody asked for', unit: 'KB' },
        { figure: Math.max(0, cold) },
      )
      const used = (withAll.usedBytes - withAll.startedBytes) / ASKED / 1024
      lab.record('edge', { name: 'memory a name in use', unit: 'KB' }, { figure: used })
    }
  },
}

type Started = { readonly firstPageMs: number; readonly startedBytes: number; readonly usedBytes: number }

/** One edge on a store with so many names. The page is that of the last one. */
async function start(lab: Lab, count: number, use: (port: number) => Promise<void>): Promise<Started> {
  const { directory, cache, certificates } = await lab.grounds()
  const folder = join(directory, `stored-${count}`)
  const pems = await certificates(Math.max(count, 1))
  const names = Array.from({ length: Math.max(count, 1) }, (_, index) => nameAt(index))
  // Before the vault makes it, closed to the edge's user.
  mkdirSync(folder, { recursive: true })
  await copyToVault(pems, join(folder, 'store/certificates'), names)
  handOver(join(folder, 'store'))
  await using running = new AsyncDisposableStack()
  const environment = { EDGE_STORE: `file:${join(folder, 'store')}` }
  const { edge, startedMs } = await startWithUpstream(lab, running, { folder, cache, certificates: pems, environment })
  await firstPage(edge.https, names.at(-1) ?? '')
  const firstPageMs = performance.now() - startedMs
  const startedBytes = memoryOf(edge.pid).residentBytes
  await use(edge.https)
  return { firstPageMs, startedBytes, usedBytes: memoryOf(edge.pid).residentBytes }
}

async function askFor(port: number, count: number): Promise<void> {
  for (let index = 0; index < count - 1; index++) await firstPage(port, nameAt(index))
}
