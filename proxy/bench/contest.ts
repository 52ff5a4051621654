import { join } from 'node:path'
import { emptyLog, type Grounds } from './grounds.ts'
import type { Load, LoadResult } from './load/load.ts'
import { cpuMsOf, coreBusyMs, memoryOf } from './machine/processes.ts'
import { isSaturated, SATURATED, type Lab, type Measure, type Sample, type Scenario } from './scenario.ts'
import { startCaddy } from './servers/caddy.ts'
import { startEdge } from './servers/edge.ts'
import { startNginx } from './servers/nginx.ts'
import { CONTESTANTS, type Contestant, type Server } from './servers/server.ts'
import { startUpstream, type Upstream, type UpstreamKind } from './servers/upstream.ts'

/** A comparison of servers under load: CPU time for each request, handshake or message. */
export type Contest = Pick<Scenario, 'name' | 'question'> & {
  /** What the load counts. */
  readonly per: 'request' | 'handshake' | 'message'
  /** All, unless said otherwise. */
  readonly contestants?: readonly Contestant[]
  readonly upstream?: UpstreamKind
  /** How many names have certificates of their own. */
  readonly names?: number
  /** Variables of the edge. */
  readonly environment?: Readonly<Record<string, string>>
  /** Called before the servers are started. */
  prepare?(grounds: Grounds): Promise<Readonly<Record<string, string>>>
  /** Rejects when the servers' answers are wrong or differ. */
  check(servers: readonly Server[], grounds: Grounds): Promise<void>
  /** Load tools, the weakest first; the next one is taken when a server's core was not busy. */
  loads(grounds: Grounds): readonly Load[]
  /** How much longer than usual the warm-up lasts, where there is more to be kept in memory. */
  readonly warmth?: number
  /** Called before the edge's warm-up. */
  fill?(server: Server, lab: Lab): Promise<unknown>
}

/** Share of the warm-up that programs need which were compiled before. */
const COMPILED = 0.3
const WARMUP_TURNS = 3

const START = { edge: startEdge, nginx: startNginx, caddy: startCaddy }

export function contest(options: Contest): Scenario {
  const { name, question } = options
  return {
    name,
    question,
    async run(lab) {
      await withServers(options, lab, async (servers, grounds) => {
        lab.progress('checking the answers')
        await options.check(servers, grounds)
        await measure(servers, options, lab, grounds)
      })
    },
  }
}

/** Starts upstream and contestants, and ends them whatever happens. */
export async function withServers(
  options: Pick<Contest, 'contestants' | 'upstream' | 'names' | 'environment' | 'prepare' | 'name'>,
  lab: Lab,
  work: (servers: readonly Server[], grounds: Grounds, upstream: Upstream) => Promise<void>,
): Promise<void> {
  const { contestants = CONTESTANTS, upstream: kind = 'pages', names = 0 } = options
  lab.progress('preparing')
  const grounds = await lab.grounds()
  const directory = (server: string): string => join(grounds.directory, options.name, server)
  const certificates = await grounds.certificates(names)
  const environment = { ...lab.environment, ...options.environment, ...(await options.prepare?.(grounds)) }
  await using running = new AsyncDisposableStack()
  const upstreamOptions = { kind, directory: directory('upstream'), www: grounds.www, core: lab.cores.upstream }
  const upstream = await startUpstream(upstreamOptions)
  running.defer(() => upstream.stop())
  const { cache, certificate } = grounds
  const common = { cache, certificate, certificates, environment, upstreamPort: upstream.port, core: lab.cores.server }
  const started = await Promise.allSettled(
    contestants
      .filter((contestant) => lab.contestants.includes(contestant))
      .map((contestant) => START[contestant]({ ...common, directory: directory(contestant) })),
  )
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  running.defer(async () => void (await Promise.all(servers.map((server) => server.stop()))))
  for (const result of started) if (result.status === 'rejected') throw result.reason
  await work(servers, grounds, upstream)
}

async function measure(servers: readonly Server[], options: Contest, lab: Lab, grounds: Grounds): Promise<void> {
  const loads = options.loads(grounds)
  for (const [index, load] of loads.entries()) {
    lab.restart(load.tool)
    const isLast = index === loads.length - 1
    const isStrongEnough = (sample: Sample): boolean => isLast || isSaturated(sample)
    if (await takeTurns(servers, { ...options, load, isStrongEnough }, lab)) return
  }
}

type Turns = Contest & { load: Load; isStrongEnough(sample: Sample): boolean }

/** @returns false as soon as a server was idle too long: a stronger tool is to repeat all of it. */
async function takeTurns(servers: readonly Server[], turns: Turns, lab: Lab): Promise<boolean> {
  const { load, per, isStrongEnough } = turns
  const figure: Measure = { name: `CPU per ${per}`, unit: 'µs' }
  for (const server of servers) {
    lab.progress(`${load.tool}: warming up ${server.name}`)
    if (server.name === 'edge') await turns.fill?.(server, lab)
    if (!isStrongEnough(await warmUp(server, turns, lab))) return false
  }
  for (let round = 1; round <= lab.rounds; round++) {
    for (const server of servers) {
      lab.progress(`${load.tool}: round ${round} of ${lab.rounds}, ${server.name}`)
      const sample = await turn(server, load, lab.seconds, lab)
      if (!isStrongEnough(sample)) return false
      lab.record(server.name, figure, sample)
    }
  }
  return true
}

/** What is compiled while it runs needs time of its own to become fast: on a busy machine it gets more turns. */
async function warmUp(server: Server, { load, warmth = 1 }: Turns, lab: Lab): Promise<Sample> {
  const seconds = lab.warmupSeconds * warmth * (server.name === 'edge' ? 1 : COMPILED)
  const enoughMs = cpuMsOf(server.pid) + seconds * 1000 * SATURATED
  let sample = await turn(server, load, seconds, lab)
  for (let more = WARMUP_TURNS - 1; more > 0 && cpuMsOf(server.pid) < enoughMs; more--) {
    sample = await turn(server, load, seconds, lab)
  }
  return sample
}

/** One server's turn: the load, and what it cost the server's processes. */
async function turn(server: Server, load: Load, seconds: number, { signal, cores }: Lab): Promise<Sample> {
  const core = Number(cores.server)
  const fromMicros = monotonicMicros()
  const before = { startedMs: performance.now(), cpuMs: cpuMsOf(server.pid), busyMs: coreBusyMs(core) }
  const result = await load.run(server, { seconds, signal })
  const cpuMs = cpuMsOf(server.pid) - before.cpuMs
  const othersMs = Math.max(0, coreBusyMs(core) - before.busyMs - cpuMs)
  const { peakBytes } = memoryOf(server.pid)
  emptyLog(server.logFile)
  if (result.errors > 0 || result.count === 0) throw new Error(describeErrors(server, load, result))
  return {
    figure: (cpuMs * 1000) / result.count,
    during: { fromMicros, toMicros: monotonicMicros() },
    context: {
      busy: cpuMs / 1000 / result.seconds,
      others: othersMs / (performance.now() - before.startedMs),
      perSecond: result.count / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      peakMb: peakBytes / 2 ** 20,
    },
  }
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

function describeErrors({ name }: Server, { tool }: Load, { errors, count }: LoadResult): string {
  return `${tool} met ${errors} errors and ${count} right answers from ${name}`
}
