import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { ask } from '../ask.ts'
import { withServers } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import type { Lab, Scenario } from '../scenario.ts'
import type { Server } from '../servers/server.ts'

const VISITORS = 1000
/** Longer than the second for which a page is good, also for NGINX, which counts in whole seconds. */
const EXPIRY_MS = 2300
/** Within this, what is fetched in the background has come. */
const SETTLE_MS = 650
const PAGES = [
  ['a page that must not be sent stale', 'fresh'],
  ['a page with stale-while-revalidate', 'stale'],
] as const

/** NGINX has `proxy_cache_lock` and `proxy_cache_background_update`, as its users have. */
export const expiredCrowd: Scenario = {
  name: 'expired-crowd',
  question: `How many requests reach the upstream when ${VISITORS.toLocaleString('en')} visitors ask for one expired page at once?`,
  async run(lab) {
    const options = { name: 'expired-crowd', contestants: ['nginx', 'edge'], upstream: 'expiring' } as const
    await withServers(options, lab, async (servers, _, upstream) => {
      for (let round = 1; round <= lab.rounds; round++) {
        for (const server of servers) {
          lab.progress(`round ${round} of ${lab.rounds}, ${server.name}`)
          for (const [name, kind] of PAGES) {
            const path = `/page?${kind}-${server.name}-${round}`
            await askAtOnce(lab, server, upstream.port, { name, path })
          }
        }
      }
    })
  },
}

async function askAtOnce(
  lab: Lab,
  server: Server,
  upstreamPort: number,
  { name, path }: { name: string; path: string },
): Promise<void> {
  const urls = [{ host: HOSTS.cached, path }]
  await ask(server, { via: 'http', urls, status: 200, connections: 1 })
  await delay(EXPIRY_MS, undefined, { signal: lab.signal })
  const before = await countOf(upstreamPort)
  const sockets = await Promise.all(Array.from({ length: VISITORS }, () => open(server.http)))
  const startedMs = performance.now()
  const answers = await Promise.all(sockets.map((socket) => visit(socket, path)))
  const tookMs = performance.now() - startedMs
  const wrong = answers.filter((status) => status !== '200').length
  if (wrong > 0) throw new Error(`${wrong} of ${VISITORS} visitors of ${server.name} got something else than a 200`)
  await delay(SETTLE_MS, undefined, { signal: lab.signal })
  const figure = (await countOf(upstreamPort)) - before
  lab.record(server.name, { name: `${name}: upstream requests`, unit: '' }, { figure })
  lab.record(server.name, { name: `${name}: until the last visitor has it`, unit: 'ms' }, { figure: tookMs })
}

async function countOf(port: number): Promise<number> {
  return Number(await (await fetch(`http://127.0.0.1:${port}/count`)).text())
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** @returns the status, once the answer is whole. */
async function visit(socket: Socket, path: string): Promise<string | undefined> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${HOSTS.cached}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const part of socket) text += String(part)
  return /^HTTP\/1\.1 (\d{3}) [^]*a page that expires/.exec(text)?.[1]
}
