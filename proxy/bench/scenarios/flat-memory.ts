import { setInterval } from 'node:timers/promises'
import { withServers } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import { runProgram } from '../load/load.ts'
import { memoryOf } from '../machine/processes.ts'
import type { Lab, Scenario } from '../scenario.ts'
import type { Server } from '../servers/server.ts'

const MB = 2 ** 20
const FULL = { uploadBytes: 1024 * MB, slowUploads: 200, seconds: 20 }
const QUICK = { uploadBytes: 128 * MB, slowUploads: 200, seconds: 3 }
/** V8's young generation takes what it ever takes, whatever passes through. */
const WARM_UP = { uploadBytes: 64 * MB, slowUploads: 1, seconds: 0 }
const MOST_MB = 64
const LOOK_MS = 100

/** NGINX and Caddy would have to be told other limits for bodies than those of their configurations here. */
export const flatMemory: Scenario = {
  name: 'flat-memory',
  question: 'How much does the edge grow by an upload of 1 GB, 200 slow ones and a slow download, all at once?',
  async run(lab) {
    await withServers({ name: 'flat-memory', upstream: 'echo', contestants: ['edge'] }, lab, async ([edge]) => {
      if (edge === undefined) return
      lab.progress('warming up')
      await transfer(edge, WARM_UP, lab)
      const { residentBytes: before } = memoryOf(edge.pid)
      let most = before
      const looking = new AbortController()
      const looks = lookEvery(looking.signal, () => (most = Math.max(most, memoryOf(edge.pid).residentBytes)))
      lab.progress('large and slow transfers')
      await transfer(edge, lab.quick ? QUICK : FULL, lab).finally(() => looking.abort())
      await looks
      const figure = (most - before) / MB
      if (figure >= MOST_MB)
        throw new Error(`the edge grew by ${Math.round(figure)} MB, and ${MOST_MB} MB are too much`)
      lab.record('edge', { name: 'growth at most', unit: 'MB' }, { figure })
    })
  },
}

type Transfers = { readonly uploadBytes: number; readonly slowUploads: number; readonly seconds: number }

async function transfer({ http, https }: Server, transfers: Transfers, { signal }: Lab): Promise<void> {
  const input = { http, https, host: 'bench.test', app: HOSTS.app, ...transfers }
  const { count } = await runProgram('transfers', input, signal)
  if (count !== transfers.slowUploads + 2) throw new Error(`${count} transfers were under way`)
}

async function lookEvery(signal: AbortSignal, look: () => void): Promise<void> {
  try {
    for await (const _ of setInterval(LOOK_MS, undefined, { signal })) look()
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
