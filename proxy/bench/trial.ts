import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, type Audit } from './load/mixed/audit.ts'
import { OUTCOMES } from './load/mixed/outcomes.ts'
import { startMixedLoad, type RunningLoad } from './load/mixed/start.ts'
import { describeIncidents, failedOf, totalsOf, type Report } from './load/mixed/tally.ts'
import type { Lab } from './scenario.ts'
import { startRecordingApp, type RecordingApp } from './servers/recording-app.ts'
import type { Contestant, Server, ServerOptions } from './servers/server.ts'

/** A server under the mixed load, while something is done to it. */
export type Trial<Running extends Server> = {
  readonly server: Running
  readonly app: RecordingApp
  readonly load: RunningLoad
  /** Rejects when the run is ended. */
  wait(ms: number): Promise<void>
  tell(text: string): void
}

export type Result = { readonly report: Report; readonly audit: Audit }

export type TrialOptions<Running extends Server> = {
  readonly name: string
  readonly contestant: Contestant
  readonly start: (options: ServerOptions) => Promise<Running>
  readonly environment?: Readonly<Record<string, string>>
}

export const MAIN_HOST = 'bench.test'
/** Handles, and a customer's domain whose certificate is made when it is first asked for. */
export const HANDLES = ['garden.bench.test', 'notes.bench.test'] as const
export const DOMAIN = 'www.customer.test'
const WARM_UP_MS = 3000
/** What each kind of visitor has had before anything is done. */
const SERVED = [
  ['pages', 100],
  ['answers', 100],
  ['slowUploads', 4],
  ['events', 20],
] as const
/** How long a webhook that was acknowledged may be under way. */
const DELIVERY_MS = 60_000

/** Starts app, server and load, does something, and says what became of each request. */
export async function trial<Running extends Server>(
  options: TrialOptions<Running>,
  lab: Lab,
  act: (trial: Trial<Running>) => Promise<unknown>,
): Promise<Result> {
  const { name, contestant, start } = options
  const grounds = await lab.grounds()
  const directory = join(grounds.directory, name, contestant)
  mkdirSync(directory, { recursive: true })
  await using running = new AsyncDisposableStack()
  const app = await startRecordingApp(join(directory, 'app.record'), lab.cores.upstream)
  running.defer(async () => void (await app.kill()))
  const environment = { ...lab.environment, BLOT_DROPBOX_SECRET: app.secret, ...options.environment }
  const { cache, certificate } = grounds
  const common = { cache, certificate, certificates: await grounds.certificates(0), core: lab.cores.server }
  const place = { directory: join(directory, 'server'), upstreamPort: app.port }
  const server = await start({ ...common, ...place, environment })
  running.defer(() => server.stop())
  const load = startMixedLoad(
    {
      http: server.http,
      https: server.https,
      mainHost: MAIN_HOST,
      sites: contestant === 'edge' ? [...HANDLES, DOMAIN] : HANDLES,
      run: name,
      secret: app.secret,
      record: join(directory, 'load.record'),
    },
    lab.signal,
  )
  running.defer(() => load.kill())
  const wait = (ms: number): Promise<void> => sleep(ms, undefined, { signal: lab.signal })
  const tell = (text: string): void => lab.progress(`${contestant}: ${text}`)
  tell('warming up')
  await wait(WARM_UP_MS)
  await untilServed(load, wait)
  await act({ server, app, load, wait, tell })
  tell('what is under way is finished')
  const report = await load.end()
  return { report, audit: await settled(() => audit(app.record, load.record)) }
}

/** Certificates are made, pages are stored: waits until everybody has been answered some times, which may take longer. */
async function untilServed(load: RunningLoad, wait: (ms: number) => Promise<void>): Promise<void> {
  const isServed = ({ kinds }: Report): boolean => SERVED.every(([kind, times]) => (kinds[kind]?.ok ?? 0) >= times)
  while (!isServed(await load.report())) await wait(200)
}

/** Webhooks that were acknowledged may be on their way to the app. */
async function settled(look: () => Audit): Promise<Audit> {
  const deadlineMs = performance.now() + DELIVERY_MS
  let found = look()
  while (found.webhooks.lost.length > 0 && performance.now() < deadlineMs) {
    await sleep(200)
    found = look()
  }
  return found
}

/** Notes how many requests failed, and how many visitors were put out. */
export function recordResult(lab: Lab, contestant: Contestant, { report }: Result): void {
  const totals = totalsOf(report)
  const failures = OUTCOMES.flatMap((outcome) => {
    const isSeen = outcome !== 'ok' && totals[outcome] > 0
    return isSeen ? [[`of them: ${outcome}`, totals[outcome]] as const] : []
  })
  const counts = {
    failed: failedOf(report),
    ...Object.fromEntries(failures),
    'asked again by the client': totals.retried,
    'not acted on, and sent again (HTTP/2)': totals.refusedStream,
    'streams ended': totals.reconnect,
    'answered as they should be': totals.ok,
  }
  for (const [name, figure] of Object.entries(counts)) lab.record(contestant, { name, unit: 'requests' }, { figure })
  const examples = describeIncidents(report, 1).split('\n')
  for (const line of examples) if (line !== '') lab.note(`${contestant}: ${line}`)
}

/** Rejects with the first of them when requests failed, or when what was acknowledged was not done, or done twice. */
export function assertNoneDropped(result: Result): void {
  const failed = failedOf(result.report)
  if (failed > 0) throw new Error(`${failed} requests failed:\n${describeIncidents(result.report)}`)
  assertExactlyOnce(result)
}

/** Rejects when a POST that was acknowledged was not done, or any was done twice, or a webhook was lost. */
export function assertExactlyOnce({ audit: { posts, webhooks, forged } }: Result): void {
  const faults = { 'POSTs lost': posts.lost, 'POSTs acted on twice': posts.twice, 'webhooks lost': webhooks.lost }
  for (const [what, ids] of Object.entries(faults)) {
    if (ids.length > 0) throw new Error(`${ids.length} ${what}: ${ids.slice(0, 5).join(', ')}`)
  }
  if (forged > 0) throw new Error(`${forged} webhooks whose signature was not their body's`)
}
