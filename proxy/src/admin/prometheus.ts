import type { WebhookPhase } from '../events.ts'
import { DURATION_BOUNDS_S } from './metrics.ts'
import type { Census } from './certificate-census.ts'
import type { UpstreamStatus, WebhookCounts } from './contracts.ts'
import type { MergedMetrics } from './metrics-totals.ts'

type Labels = Readonly<Record<string, string>>
type Sample = { suffix?: string; labels?: Labels; value: number }
type Metric = { name: string; type: 'counter' | 'gauge' | 'histogram'; help: string; samples: readonly Sample[] }

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What is so at this moment, beside what has been counted. */
export type MachineState = {
  readonly census: Census | undefined
  readonly inMaintenance: boolean
  readonly webhooks: WebhookCounts | undefined
  readonly upstreams: readonly UpstreamStatus[]
}

/** The Prometheus text format 0.0.4. No label holds anything that a visitor chooses. */
export function renderPrometheus(merged: MergedMetrics, version: string, state: MachineState): string {
  const { census, inMaintenance, webhooks, upstreams } = state
  const all = [
    ...requestMetrics(merged),
    ...tlsMetrics(merged),
    ...(census === undefined ? [] : certificateMetrics(census)),
    ...webhookMetrics(merged, webhooks),
    ...upstreamMetrics(merged, upstreams),
    ...edgeMetrics(merged, version),
    gauge('maintenance', 'Is the edge in maintenance? 1 or 0.', Number(inMaintenance)),
  ]
  return all.map(render).join('')
}

function requestMetrics({ counters }: MergedMetrics): Metric[] {
  const byClass = Object.entries(counters.requests).flatMap(([status, byCache]) =>
    Object.entries(byCache)
      .filter(([, value]) => value > 0)
      .map(([cache, value]) => ({ labels: { status, cache }, value })),
  )
  return [
    counter('requests_total', 'Requests by class of status and state of the cache.', byClass),
    counter(
      'requests_aborted_total',
      'Requests whose connection closed before the answer was complete.',
      counters.aborted,
    ),
    counter('response_body_bytes_total', 'Bytes of response bodies handed to connections.', counters.bytes),
    {
      name: 'request_duration_seconds',
      type: 'histogram',
      help: 'From the head of a request to the last byte of its answer.',
      samples: histogram(counters.durations),
    },
  ]
}

function tlsMetrics({ counters }: MergedMetrics): Metric[] {
  const { handshakes, resumed, certificates } = counters
  return [
    counter('handshakes_total', 'TLS handshakes by where the certificate came from.', by('outcome', handshakes)),
    counter('handshakes_resumed_total', 'TLS handshakes that went by a session ticket.', resumed),
    counter('certificates_total', 'Certificates ordered, by result.', by('result', certificates)),
  ]
}

function certificateMetrics({ states, failing, nextEndMs }: Census): Metric[] {
  const next = nextEndMs === undefined ? [] : [{ value: nextEndMs / 1000 }]
  return [
    gauge('certificates', 'Names by the state of their certificate.', by('state', states)),
    gauge('certificates_failing', 'Names whose last order failed, by kind.', by('kind', failing)),
    gauge('certificate_next_end_seconds', 'When the certificate that ends first ends, unix time.', next),
  ]
}

const WEBHOOK_HELP: Readonly<Record<WebhookPhase, string>> = {
  kept: 'Webhooks that were kept for the app.',
  refused: 'Webhooks that were not kept: unsigned, or no room.',
  delivered: 'Webhooks that were kept, and the app took.',
  failed: 'Tries to deliver that came to nothing.',
  dead: 'Webhooks that were given up.',
  dropped: 'Webhooks that nobody will deliver.',
}

function webhookMetrics({ counters }: MergedMetrics, counts: WebhookCounts | undefined): Metric[] {
  const now = ({ waiting, dead }: WebhookCounts): Metric[] => [
    gauge('webhooks_waiting', 'Webhooks that wait for the app, of all machines that share the store.', waiting),
    gauge('webhooks_dead', 'Webhooks that were given up, and that nobody has dropped yet.', dead),
  ]
  const phases = Object.entries(WEBHOOK_HELP) as [WebhookPhase, string][]
  return [
    ...phases.map(([phase, help]) => counter(`webhooks_${phase}_total`, help, counters.webhooks[phase])),
    ...(counts === undefined ? [] : now(counts)),
  ]
}

/** The names of upstreams are the operator's. */
function upstreamMetrics({ counters, gauges }: MergedMetrics, upstreams: readonly UpstreamStatus[]): Metric[] {
  const each = (valueOf: (one: UpstreamStatus) => number): Sample[] =>
    upstreams.map((one) => ({ labels: { upstream: one.url }, value: valueOf(one) }))
  return [
    gauge(
      'upstream_up',
      'Does the upstream take requests? 1 or 0.',
      each(({ state }) => Number(state === 'up' || state === 'starting')),
    ),
    gauge(
      'upstream_state',
      'Always 1: the state of each upstream.',
      upstreams.map(({ url, state }) => ({ labels: { upstream: url, state }, value: 1 })),
    ),
    gauge(
      'upstream_active',
      'Requests and tunnels under way.',
      each(({ active }) => active),
    ),
    gauge('upstream_held', 'Requests that wait for an upstream.', gauges.held),
    counter(
      'upstream_held_total',
      'Requests that waited for an upstream, by how that ended.',
      by('outcome', counters.held),
    ),
  ]
}

function edgeMetrics({ counters, gauges, processes }: MergedMetrics, version: string): Metric[] {
  return [
    counter('purges_applied_total', 'Purges, counted once in each process that applied them.', counters.purges.applied),
    counter('purged_entries_total', 'Entries dropped by purges.', counters.purges.entries),
    counter('faults_total', 'Faults written to the log.', counters.faults),
    counter('process_cpu_seconds_total', 'CPU time of all processes.', counters.cpuSeconds),
    gauge('connections_open', 'Connections that visitors hold open.', gauges.connections),
    gauge('memory_tier_entries', 'Entries in the memory tiers of all workers.', gauges.memoryEntries),
    gauge('memory_tier_bytes', 'Bytes in the memory tiers of all workers.', gauges.memoryBytes),
    gauge('process_resident_memory_bytes', 'Resident memory of all processes.', gauges.rssBytes),
    gauge('processes', 'Processes that answered.', processes),
    gauge('build_info', 'Always 1.', [{ labels: { version }, value: 1 }]),
  ]
}

function counter(name: string, help: string, value: number | readonly Sample[]): Metric {
  return { name, type: 'counter', help, samples: typeof value === 'number' ? [{ value }] : value }
}

function gauge(name: string, help: string, value: number | readonly Sample[]): Metric {
  return { ...counter(name, help, value), type: 'gauge' }
}

function by(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }))
}

/** Buckets of a Prometheus histogram are cumulative, and the last one is `+Inf`. */
function histogram({ buckets, sumSeconds }: { buckets: readonly number[]; sumSeconds: number }): Sample[] {
  let below = 0
  const samples: Sample[] = buckets.map((value, i) => {
    below += value
    return { suffix: '_bucket', labels: { le: String(DURATION_BOUNDS_S[i] ?? '+Inf') }, value: below }
  })
  return [...samples, { suffix: '_sum', value: sumSeconds }, { suffix: '_count', value: below }]
}

function render({ name, type, help, samples }: Metric): string {
  const full = `blot_edge_${name}`
  const lines = samples.map(
    ({ suffix = '', labels = {}, value }) => `${full}${suffix}${renderLabels(labels)} ${value}\n`,
  )
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
