import type { StatusReport } from '../admin/contracts.ts'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import { mergeMetrics, type MergedMetrics } from '../admin/metrics-totals.ts'
import type { MaintenanceView } from '../maintenance.ts'
import type { WebhookCounts } from '../webhooks/contracts.ts'
import type { Health } from '../upstream/health/health.ts'
import type { Channel } from './channel.ts'
import type { ProcessInfo, ProcessName, ProcessReport } from './messages.ts'
import type { ChildSettings } from './settings.ts'
import { mergeUpstreams } from './upstreams.ts'

/** How long a worker may take to say what it counted; one that does not answer is missing from the sums. */
const REPORT_MS = 2000

export type StatusSources = {
  /** Asks what the edge can do without for a while. */
  findAway(): Promise<string[]>
  health(): readonly Health[]
  maintenance(): Promise<MaintenanceView>
  webhooks(): Promise<WebhookCounts | undefined>
}

/** What `GET /status` tells: the primary knows the processes, each process knows its numbers. */
export async function collectStatus(
  { version, startedAt, config }: ChildSettings,
  channel: Channel,
  own: ProcessReport,
  sources: StatusSources,
): Promise<StatusReport> {
  const [primary] = await channel.call('primary', 'processes', null, REPORT_MS)
  const [reports, degraded, maintenance, webhooks] = await Promise.all([
    collectReports(channel, own, primary?.processes ?? []),
    sources.findAway(),
    sources.maintenance(),
    sources.webhooks(),
  ])
  const told = new Map(reports.map((report) => [report.name, report]))
  const serving = primary?.generations.find(({ state }) => state === 'running')
  return {
    // The manager that is asked may be one that only finishes what it began.
    version: serving?.version ?? version,
    state: primary?.state ?? 'stopped',
    startedAt,
    uptimeMs: Date.now() - Date.parse(startedAt),
    host: config.host,
    listeners: primary?.listeners ?? [],
    generations: primary?.generations ?? [],
    ...(primary?.reload === undefined ? {} : { reload: primary.reload }),
    processes: (primary?.processes ?? []).map((process) => {
      const name = nameOf(process)
      const { metrics, underWay } = (name && told.get(name)) ?? {}
      return {
        ...process,
        connections: metrics?.gauges.connections ?? 0,
        requests: metrics === undefined ? 0 : countRequests(metrics),
        rssBytes: metrics?.gauges.rssBytes ?? process.rssBytes,
        ...(underWay === undefined ? {} : { underWay }),
      }
    }),
    upstreams: mergeUpstreams(config.upstreams, sources.health(), reports),
    degraded,
    maintenance,
    ...(webhooks && { webhooks }),
  }
}

/** Of each process that answers, and of all that have ended. */
export async function collectMetrics(channel: Channel, own: ProcessReport): Promise<MergedMetrics> {
  const [primary] = await channel.call('primary', 'processes', null, REPORT_MS)
  const reports = await collectReports(channel, own, primary?.processes ?? [])
  const snapshots = reports.map(({ metrics }) => metrics)
  const [ended] = await channel.call('primary', 'ended', { snapshots }, REPORT_MS)
  return mergeMetrics(snapshots, ended)
}

async function collectReports(
  channel: Channel,
  own: ProcessReport,
  processes: readonly ProcessInfo[],
): Promise<ProcessReport[]> {
  const others = processes.map(nameOf).filter((name): name is ProcessName => name !== undefined && name !== own.name)
  const reports = others.map((name) => channel.call(name, 'report', null, REPORT_MS).catch(() => []))
  return [own, ...(await Promise.all(reports)).flat()]
}

/** @returns undefined for the primary. */
function nameOf({ id, generation }: ProcessInfo): ProcessName | undefined {
  return id === 'primary' ? undefined : `${id}@${generation}`
}

function countRequests({ counters }: MetricsSnapshot): number {
  return counters.durations.buckets.reduce((sum, count) => sum + count, 0)
}
