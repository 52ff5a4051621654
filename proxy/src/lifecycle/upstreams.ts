import type { UpstreamStatus } from '../admin/contracts.ts'
import type { Config, Upstream } from '../config.ts'
import type { Health } from '../upstream/health/health.ts'
import { HEALTH_PATH } from '../upstream/health/probe.ts'
import { createMonitor, type Monitor } from '../upstream/health/monitor.ts'
import { createVigil } from '../upstream/health/vigil.ts'
import { createHold, HOLD_LIMITS, type Hold } from '../upstream/hold.ts'
import { createPool, type UpstreamPool } from '../upstream/pool.ts'
import type { MemberState } from '../upstream/member.ts'
import type { CallHandlers, Channel } from './channel.ts'
import type { ProcessReport } from './messages.ts'

/** What a check may take, and the way there and back. */
const CHECK_MS = 3000

/** The manager's part: it asks the upstreams how they are, for all processes of the machine. */
export function openUpstreamMonitor(config: Config, channel: Channel, handlers: CallHandlers): Monitor {
  const monitor = createMonitor({
    upstreams: config.upstreams,
    path: healthPath(config),
    onChange(health) {
      // A worker that is not there yet asks by itself.
      channel.call('worker', 'useUpstreams', { health }).catch(() => undefined)
    },
  })
  handlers.upstreams = ({ suspects }) => monitor.check(suspects)
  return monitor
}

/** The worker's part. What it sees itself counts at once; while the manager is away, it asks the upstreams itself. */
export function openWorkerUpstreams(
  config: Config,
  channel: Channel,
  handlers: CallHandlers,
): { pool: UpstreamPool; hold: Hold; close(): Promise<void> } {
  const pool = createPool({ upstreams: config.upstreams })
  const vigil = createVigil({
    pool,
    path: healthPath(config),
    async askMonitor(suspects) {
      const [health = []] = await channel.call('manager', 'upstreams', { suspects }, CHECK_MS)
      return health
    },
  })
  handlers.useUpstreams = ({ health }) => {
    pool.apply(health)
    return Promise.resolve(null)
  }
  return {
    pool,
    hold: createHold(pool, { ...HOLD_LIMITS, holdMs: config.holdMs }),
    close() {
      vigil.close()
      return pool.close()
    },
  }
}

/** With `dev --upstream` the app is not Blot: it is not asked for a path that it may not have. */
function healthPath({ permission }: Config): string | undefined {
  return permission.kind === 'names' ? undefined : HEALTH_PATH
}

/** The worst first. */
const STATES: readonly MemberState[] = ['away', 'failing', 'draining', 'starting', 'up']

/** The upstreams as whoever knows worst of them sees each: the monitor, or a worker. */
export function mergeUpstreams(
  upstreams: readonly Upstream[],
  health: readonly Health[],
  reports: readonly ProcessReport[],
): UpstreamStatus[] {
  const stats = reports.flatMap((report) => report.upstreams ?? [])
  return upstreams.map(({ url, backup }) => {
    const seen = stats.filter((one) => one.url === url)
    const watched = health.filter((one) => one.url === url).map(({ verdict, error }) => ({ state: verdict, error }))
    const views: { state: MemberState; error?: string | undefined }[] = [...watched, ...seen]
    const worst = STATES.flatMap((state) => views.find((view) => view.state === state) ?? [])[0]
    return {
      url,
      backup,
      state: worst?.state ?? 'up',
      active: seen.reduce((sum, { active }) => sum + active, 0),
      ...(worst?.error === undefined ? {} : { error: worst.error }),
    }
  })
}

const WORDS = {
  draining: 'wants no new requests',
  failing: `does not answer ${HEALTH_PATH} as it should`,
  away: 'does not answer',
} as const

/** What is wrong with the upstreams: a sentence each. */
export function describeTrouble(health: readonly Health[]): string[] {
  return health.flatMap(({ url, verdict, error }) =>
    verdict === 'up' ? [] : [`${url} ${WORDS[verdict]}${error === undefined ? '' : ` (${error})`}`],
  )
}
