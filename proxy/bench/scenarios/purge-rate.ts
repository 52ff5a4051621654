import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuMsOf } from '../machine/processes.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startEdge, type RunningEdge } from '../servers/edge.ts'
import { findFreePort, launch } from '../servers/launch.ts'

const PER_SECOND = 1000
const WORKERS = 2
const TICK_MS = 10
const LEAST_SECONDS = 3
/** Less than this share of the rate is none. */
const KEPT = 0.95

export const purgeRate: Scenario = {
  name: 'purge-rate',
  question: `What do ${PER_SECOND} purges a second cost, on two machines of ${WORKERS} workers that share a Redis?`,
  async run(lab) {
    const directory = await mkdtemp(join(tmpdir(), 'blot-edge-bench-'))
    await using running = new AsyncDisposableStack()
    running.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
    const port = await findFreePort()
    const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
    const redis = { command: 'redis-server', args: flags, core: lab.cores.upstream }
    running.adopt(await launch({ ...redis, logFile: join(directory, 'redis.log') }), (one) => one.stop())
    const [near, far] = [await startMachine(lab, 'near', port), await startMachine(lab, 'far', port)]
    for (const machine of [near, far]) running.adopt(machine, (one) => one.stop())
    // Programs that have just started are slow.
    await send(near, PER_SECOND)
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}`)
      await purgeAtRate(lab, near, far)
    }
  },
}

async function startMachine(lab: Lab, name: string, redisPort: number): Promise<RunningEdge> {
  const { directory, certificate } = await lab.grounds()
  const folder = join(directory, 'purge-rate', name)
  return startEdge({
    directory: folder,
    cache: join(folder, 'cache'),
    certificate,
    certificates: folder,
    upstreamPort: 9,
    core: `${lab.cores.server},${lab.cores.load}`,
    environment: { EDGE_STORE: `redis://127.0.0.1:${redisPort}`, EDGE_WORKERS: String(WORKERS) },
  })
}

async function purgeAtRate(lab: Lab, near: RunningEdge, far: RunningEdge): Promise<void> {
  const count = Math.round(PER_SECOND * Math.max(LEAST_SECONDS, lab.seconds))
  const before = { near: cpuMsOf(near.pid), far: cpuMsOf(far.pid), applied: await appliedBy(far) }
  const { latencies, tookMs } = await send(near, count)
  const perSecond = (count / tookMs) * 1000
  if (perSecond < PER_SECOND * KEPT) throw new Error(`${Math.round(perSecond)} purges a second were taken`)
  const ackedMs = performance.now()
  const all = before.applied + count * WORKERS
  while ((await appliedBy(far)) < all) await delay(TICK_MS, undefined, { signal: lab.signal })
  const lagMs = performance.now() - ackedMs
  const sorted = latencies.toSorted((left, right) => left - right)
  lab.record('edge', { name: 'answer, 99th percentile', unit: 'ms' }, { figure: sorted[Math.floor(count * 0.99)] ?? 0 })
  lab.record('edge', { name: 'until the other machine has the last one', unit: 'ms' }, { figure: lagMs })
  const cost = { near: cpuMsOf(near.pid) - before.near, far: cpuMsOf(far.pid) - before.far }
  lab.record('edge', { name: 'where it is called', unit: 'µs' }, { figure: (cost.near / count) * 1000 })
  lab.record('edge', { name: 'on the other machine', unit: 'µs' }, { figure: (cost.far / count) * 1000 })
}

/** So many as are due every few milliseconds, whether the earlier ones are answered or not. */
async function send({ admin }: RunningEdge, count: number): Promise<{ latencies: number[]; tookMs: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const startedMs = performance.now()
  const purges: Promise<number>[] = []
  while (purges.length < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - startedMs) / 1000) * PER_SECOND))
    while (purges.length < due) purges.push(purgeTag(agent, admin, `page:${purges.length}`))
    await delay(TICK_MS)
  }
  const latencies = await Promise.all(purges)
  agent.destroy()
  return { latencies, tookMs: performance.now() - startedMs }
}

/** @returns how long the answer took, ms. */
function purgeTag(agent: Agent, port: number, tag: string): Promise<number> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const asking = request({ host: '127.0.0.1', port, path: '/purge', method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - startedMs)
        else reject(new Error(`the edge answered ${response.statusCode} to a purge`))
      })
    })
    asking.on('error', reject)
    asking.end(JSON.stringify({ tags: [tag] }))
  })
}

/** Purges, counted once for each worker that applied them. */
async function appliedBy({ admin }: RunningEdge): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${admin}/metrics`, { headers: { accept: 'application/json' } })
  const { counters } = (await answer.json()) as { counters: { purges: { applied: number } } }
  return counters.purges.applied
}
