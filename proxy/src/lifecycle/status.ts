import type { StatusReport } from '../admin/contracts.ts'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import type { MaintenanceView } from '../maintenance.ts'
import type { Channel } from './channel.ts'
import type { ProcessInfo, ProcessReport } from './messages.ts'
import type { ChildSettings } from './settings.ts'

/** How long a worker may take to say what it counted; one that does not answer is missing from the sums. */
const REPORT_MS = 2000

export type StatusSources = {
  /** Asks what the edge can do without for a while. */
  findAway(): Promise<string[]>
  maintenance(): Promise<MaintenanceView>
}

/** What `GET /status` tells: the primary knows the processes, each process knows its numbers. */
export async function collectStatus(
  { version, startedAt, config }: ChildSettings,
  channel: Channel,
  own: ProcessReport,
  sources: StatusSources,
): Promise<StatusReport> {
  const [primary] = await channel.call('primary', 'processes', null, REPORT_MS)
  const [reports, degraded, maintenance] = await Promise.all([
    collectReports(channel, own, primary?.processes ?? []),
    sources.findAway(),
    sources.maintenance(),
  ])
  const numbers = new Map(reports.map(({ id, metrics }) => [id, metrics]))
  return {
    version,
    state: primary?.state ?? 'stopped',
    startedAt,
    uptimeMs: Date.now() - Date.parse(startedAt),
    host: config.host,
    listeners: primary?.listeners ?? [],
    processes: (primary?.processes ?? []).map((process) => {
      const metrics = numbers.get(process.id)
      return {
        ...process,
        connections: metrics?.gauges.connections ?? 0,
        requests: metrics === undefined ? 0 : countRequests(metrics),
        rssBytes: metrics?.gauges.rssBytes ?? process.rssBytes,
      }
    }),
    upstreams: config.upstreams,
    degraded,
    maintenance,
  }
}

/** One snapshot of each process that answers. */
export async function collectMetrics(channel: Channel, own: ProcessReport): Promise<MetricsSnapshot[]> {
  const [primary] = await channel.call('primary', 'processes', null, REPORT_MS)
  return (await collectReports(channel, own, primary?.processes ?? [])).map(({ metrics }) => metrics)
}

async function collectReports(
  channel: Channel,
  own: ProcessReport,
  processes: readonly ProcessInfo[],
): Promise<ProcessReport[]> {
  const workers = processes.map(({ id }) => id).filter((id) => id !== 'primary' && id !== 'manager')
  const reports = workers.map((id) => channel.call(id, 'report', null, REPORT_MS).catch(() => []))
  return [own, ...(await Promise.all(reports)).flat()]
}

function countRequests({ counters }: MetricsSnapshot): number {
  return counters.durations.buckets.reduce((sum, count) => sum + count, 0)
}
