import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Lab, Scenario } from '../scenario.ts'

const PROGRAM = join(import.meta.dirname, '../load/programs/purge-million.ts')
const FLAGS = ['--expose-gc', '--max-old-space-size=4096']

/** One line of the program. */
type Purged = { what: string; entries: number; heldMs: number; tookMs: number }

/** Of a worker's memory alone: what visitors feel of a purge is how long nobody else gets a turn. */
export const purgeMillion: Scenario = {
  name: 'purge-million',
  question: 'For how long does one purge among 1,000,000 entries in memory hold up everybody else?',
  async run(lab) {
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}`)
      await fillAndPurge(lab)
    }
  },
}

async function fillAndPurge(lab: Lab): Promise<void> {
  const child = spawn('taskset', ['-c', lab.cores.server, process.execPath, ...FLAGS, PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: lab.signal,
  })
  child.on('error', () => undefined)
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const { what, entries, heldMs } = JSON.parse(line) as Purged
    if (entries === 0) throw new Error(`a purge of ${what} found nothing`)
    lab.record('edge', { name: what, unit: 'ms' }, { figure: heldMs })
  }
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`the program ended with ${code}`)
}
