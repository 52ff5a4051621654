import { setTimeout as delay } from 'node:timers/promises'
import { ask } from '../ask.ts'
import { contest } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import { autocannon } from '../load/autocannon.ts'
import { h2load } from '../load/h2load.ts'
import type { Load } from '../load/load.ts'
import type { Requests } from '../load/requests.ts'

const PURGES_PER_SECOND = 100
const PAGE: Requests = {
  via: 'http',
  urls: [{ host: HOSTS.files, path: '/10k.html' }],
  status: 200,
  connections: 64,
}
type Target = Parameters<Load['run']>[0]

/** The peers have no purge; beside `memory-hit`, the figure says what it costs. */
export const purgeStorm = contest({
  name: 'purge-storm',
  question: `What does a page of 10 KB from memory cost while its site is purged ${PURGES_PER_SECOND} times a second?`,
  per: 'request',
  contestants: ['edge'],
  async check(servers) {
    for (const server of servers) {
      const { status } = await ask(server, PAGE)
      if (status !== 200) throw new Error(`${server.name} answered ${status}, not 200`)
      await purge(server)
    }
  },
  loads: () => [autocannon(PAGE), h2load(PAGE)].map(underPurges),
})

/** The same load, and purges all the while; one that fails ends the scenario. */
function underPurges(load: Load): Load {
  return {
    ...load,
    async run(target, options) {
      const over = new AbortController()
      const loading = load.run(target, options).finally(() => over.abort())
      const [result] = await Promise.all([loading, keepPurging(target, over.signal)])
      return result
    },
  }
}

async function keepPurging(target: Target, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await purge(target)
    await delay(1000 / PURGES_PER_SECOND)
  }
}

/** As Blot's app does it: on the plain listener, over loopback. */
async function purge({ http }: Target): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${http}/purge?host=${HOSTS.files}`)
  if (response.status !== 200) throw new Error(`the edge answered ${response.status} to a purge`)
}
