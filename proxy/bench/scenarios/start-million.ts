import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { ask } from '../ask.ts'
import { HOSTS } from '../grounds.ts'
import { handOver } from '../machine/owner.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startWithUpstream } from '../servers/edge-with-upstream.ts'

const STORED = 1_000_000
const QUICK = 100_000
/** More than all of it takes. */
const BOUND_BYTES = 100 * 2 ** 30
const PROGRAMS = join(import.meta.dirname, '../load/programs')
const run = promisify(execFile)

type Reclaimed = { files: number; bytes: number; tookMs: number; cpuMs: number }

/** Some 5 GB in the temporary folder, for as long as it takes; with TMPDIR=/dev/shm in memory. */
export const startMillion: Scenario = {
  name: 'start-million',
  question:
    'With 1,000,000 (--quick: 100,000) answers on the disk: how long from start to the first one, and what does the manager’s look through them cost?',
  async run(lab) {
    const count = lab.quick ? QUICK : STORED
    const label = `${count.toLocaleString('en')} stored`
    const { directory } = await lab.grounds()
    const folder = join(directory, 'start-million')
    const cache = join(folder, 'cache')
    mkdirSync(cache, { recursive: true })
    handOver(folder)
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}, nothing stored`)
      const empty = join(folder, `empty-${round}`)
      await measureStart(lab, { folder, cache: empty, state: 'MISS', label: 'nothing stored' })
    }
    lab.progress(`storing ${count.toLocaleString('en')} answers`)
    // Of an earlier sequence of purges nothing would be known.
    const { after } = await readPurgeJournal(join(folder, 'edge/edge/purges'))
    const fill = [join(PROGRAMS, 'fill-disk.ts'), cache, HOSTS.cached, String(count), String(after)]
    await run('taskset', ['-c', lab.cores.load, process.execPath, ...fill], { signal: lab.signal })
    handOver(cache)
    // What is still on its way to the disk is none of the start's.
    await run('sync', ['-f', cache], { signal: lab.signal })
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}, ${label}`)
      await measureStart(lab, { folder, cache, state: 'HIT', label })
    }
    lab.progress('looking through them')
    for (let round = 1; round <= lab.rounds; round++) await measureReclaim(lab, cache, count)
  },
}

type Start = { folder: string; cache: string; state: 'HIT' | 'MISS'; label: string }

async function measureStart(lab: Lab, { folder, cache, state, label }: Start): Promise<void> {
  await using running = new AsyncDisposableStack()
  const environment = { BLOT_CACHE: 'false', EDGE_DISK_CACHE_BYTES: String(BOUND_BYTES) }
  const { edge, startedMs } = await startWithUpstream(lab, running, {
    folder,
    cache,
    certificates: folder,
    environment,
  })
  const urls = [{ host: HOSTS.cached, path: '/page-99' }]
  const answer = await ask(edge, { via: 'http', urls, status: 200, connections: 1 })
  const figure = performance.now() - startedMs
  const said = answer.headers['blot-cache']
  if (said !== state) throw new Error(`the edge said Blot-Cache: ${String(said)}, not ${state}`)
  lab.record('edge', { name: `start to first answer, ${label}`, unit: 'ms' }, { figure })
}

async function measureReclaim(lab: Lab, cache: string, count: number): Promise<void> {
  const command = [process.execPath, join(PROGRAMS, 'reclaim.ts'), cache, String(BOUND_BYTES)]
  const { stdout } = await run('taskset', ['-c', lab.cores.server, ...command], { signal: lab.signal })
  const { files, tookMs, cpuMs } = JSON.parse(stdout) as Reclaimed
  if (files < count) throw new Error(`${files} files were found, of ${count}`)
  lab.record('edge', { name: 'a look through all of them', unit: 'ms' }, { figure: tookMs })
  lab.record('edge', { name: 'a look, CPU', unit: 'ms' }, { figure: cpuMs })
}
