import t from 'tap'
import { createMetrics, DURATION_BOUNDS_S, type MetricsSnapshot } from '../../src/admin/metrics.ts'
import { createEndedTotals, mergeMetrics } from '../../src/admin/metrics-totals.ts'
import { renderPrometheus } from '../../src/admin/prometheus.ts'
import { edgeChannel, type RequestEvent } from '../../src/events.ts'
import { ask, askJson, startAdmin } from './start.ts'

const REQUEST: RequestEvent = {
  method: 'GET',
  scheme: 'https',
  host: 'a.example',
  target: '/',
  version: '2.0',
  status: 200,
  bytes: 1000,
  durationMs: 2,
  cache: 'HIT',
  upstream: undefined,
  requestId: '0',
  address: '203.0.113.9',
  reason: undefined,
  aborted: false,
  userAgent: undefined,
  referrer: undefined,
}
const requests = edgeChannel('request')

function publishSome(): void {
  requests.publish(REQUEST)
  requests.publish({ ...REQUEST, durationMs: 0.5 })
  requests.publish({ ...REQUEST, status: 502, cache: undefined, durationMs: 90_000, aborted: true, bytes: 0 })
  requests.publish({ ...REQUEST, status: 0, cache: 'MISS', bytes: 5e9 })
  const handshake = { name: 'a.example', resumed: true, durationMs: 1, address: '203.0.113.9', reason: undefined }
  for (const outcome of ['memory', 'memory', 'refused'] as const)
    edgeChannel('handshake').publish({ ...handshake, outcome })
  const certificate = { name: 'a.example', issuer: 'local', durationMs: 1, reason: undefined }
  for (const phase of ['obtaining', 'obtained', 'failed'] as const) {
    edgeChannel('certificate').publish({ ...certificate, phase })
  }
  edgeChannel('purge').publish({ names: ['host a.example'], entries: 4, durationMs: 1 })
  edgeChannel('hold').publish({ outcome: undefined, waiting: 2 })
  edgeChannel('hold').publish({ outcome: 'released', waiting: 1 })
  edgeChannel('connection').publish({ open: 3 })
  edgeChannel('fault').publish({ area: 'x', message: 'y', error: undefined })
}

await t.test('counts what the channels report, until it is stopped', async (t) => {
  const metrics = createMetrics(() => ({ entries: 7, bytes: 7000 }))
  publishSome()
  metrics.stop()
  publishSome()
  const { counters, gauges, process: counted } = metrics.snapshot()
  t.equal(counted.pid, process.pid)
  t.match(counters.requests, { '2xx': { HIT: 2, MISS: 0 }, '5xx': { none: 1 }, other: { MISS: 1 } })
  t.equal(counters.bytes, 5e9 + 2000)
  t.equal(counters.aborted, 1)
  t.equal(counters.durations.buckets[0], 1, 'a bound is within its bucket: 0.5 ms')
  t.equal(counters.durations.buckets.at(-1), 1, 'above all bounds')
  t.ok(Math.abs(counters.durations.sumSeconds - 90.0045) < 1e-9)
  t.same(counters.handshakes, { memory: 2, stored: 0, issued: 0, fallback: 0, refused: 1 })
  t.equal(counters.resumed, 3)
  t.same(counters.certificates, { obtained: 1, failed: 1 })
  t.same(counters.purges, { applied: 1, entries: 4 })
  t.equal(counters.faults, 1)
  t.match(gauges, { connections: 3, memoryEntries: 7, memoryBytes: 7000 })
  t.ok(gauges.rssBytes > 1e6 && counters.cpuSeconds > 0)
  t.same(JSON.parse(JSON.stringify(metrics.snapshot())).gauges.connections, 3, 'plain JSON')
})

await t.test('merging adds, and changes nothing that it was given', async (t) => {
  const metrics = createMetrics()
  publishSome()
  metrics.stop()
  const snapshot = metrics.snapshot()
  const before = structuredClone(snapshot)
  const merged = mergeMetrics([snapshot, snapshot])
  t.equal(merged.processes, 2)
  t.equal(merged.counters.requests['2xx'].HIT, 4)
  t.equal(merged.counters.durations.buckets[0], 2)
  t.equal(merged.gauges.connections, 6)
  t.same(snapshot, before)
  t.equal(mergeMetrics([]).counters.bytes, 0)
})

/** A process that has done so many purges, and holds one connection. */
function snapshotOf(pid: number, applied: number): MetricsSnapshot {
  const { counters, gauges } = mergeMetrics([])
  return {
    process: { pid, startedAtMs: 1 },
    counters: { ...counters, purges: { applied, entries: 0 } },
    gauges: { ...gauges, connections: 1 },
  }
}

await t.test('a process that ended stays in the counters and leaves the gauges', async (t) => {
  const totals = createEndedTotals()
  const seen = (snapshots: MetricsSnapshot[]) => {
    totals.saw(snapshots)
    const { counters, gauges, processes } = mergeMetrics(snapshots, totals.sumWithout(snapshots))
    return [counters.purges.applied, gauges.connections, processes]
  }
  t.same(seen([snapshotOf(1, 10), snapshotOf(2, 20)]), [30, 2, 2])
  t.same(seen([snapshotOf(2, 25), snapshotOf(3, 0)]), [35, 2, 2], 'worker 1 was replaced')
  t.same(seen([snapshotOf(3, 1)]), [36, 1, 1], 'worker 2 did not answer')
  t.same(seen([snapshotOf(2, 26), snapshotOf(3, 1)]), [37, 2, 2], 'and is not counted twice when it does')
  for (let pid = 100; pid < 300; pid += 1) seen([snapshotOf(pid, 1)])
  t.same(seen([]), [237, 0, 0], 'also after more restarts than are remembered one by one')
})

/** One line of the text format: a comment, or a name with labels and a number. */
const LINE =
  /^(# (HELP|TYPE) blot_edge_[a-z_]+ .+|blot_edge_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? [\d.e+-]+)$/

await t.test('GET /metrics is text that Prometheus reads', async (t) => {
  const { url } = await startAdmin(t)
  publishSome()
  const { headers, text } = await ask(`${url}/metrics`)
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.ok(text.endsWith('\n'))
  const lines = text.trimEnd().split('\n')
  for (const line of lines) t.match(line, LINE)
  for (const sample of [
    'blot_edge_requests_total{status="2xx",cache="HIT"} 2',
    'blot_edge_requests_total{status="5xx",cache="none"} 1',
    'blot_edge_request_duration_seconds_bucket{le="0.0005"} 1',
    'blot_edge_request_duration_seconds_bucket{le="60"} 3',
    'blot_edge_request_duration_seconds_bucket{le="+Inf"} 4',
    'blot_edge_request_duration_seconds_count 4',
    'blot_edge_handshakes_total{outcome="refused"} 1',
    'blot_edge_certificates_total{result="failed"} 1',
    'blot_edge_connections_open 3',
    'blot_edge_memory_tier_bytes 7000',
    'blot_edge_upstream_up{upstream="http://127.0.0.1:8080"} 0',
    'blot_edge_upstream_state{upstream="http://127.0.0.1:8080",state="away"} 1',
    'blot_edge_upstream_active{upstream="http://127.0.0.1:8080"} 3',
    'blot_edge_upstream_held 1',
    'blot_edge_upstream_held_total{outcome="released"} 1',
    'blot_edge_maintenance 0',
    'blot_edge_build_info{version="1.2.3"} 1',
  ]) {
    t.ok(lines.includes(sample), sample)
  }
  const names = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
  t.equal(new Set(names).size, names.length, 'each metric is declared once')
  t.notMatch(text, 'a.example', 'nothing that a visitor chose')
})

await t.test('labels are escaped', async (t) => {
  const state = { census: undefined, inMaintenance: false, webhooks: undefined, upstreams: [] }
  t.match(renderPrometheus(mergeMetrics([]), 'a"b\\c\nd', state), 'version="a\\"b\\\\c\\nd"')
})

await t.test('the dashboard gets the same as JSON', async (t) => {
  const { url } = await startAdmin(t)
  publishSome()
  t.match(await askJson(`${url}/metrics`, { headers: { accept: 'application/json' } }), {
    status: 200,
    body: { processes: 1, counters: { purges: { applied: 1 } }, durationBoundsSeconds: DURATION_BOUNDS_S },
  })
})
