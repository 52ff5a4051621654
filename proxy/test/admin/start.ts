import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import type {
  AdminCertificates,
  AdminEvent,
  AdminOptions,
  AdminWebhooks,
  StatusReport,
} from '../../src/admin/contracts.ts'
import { createAdmin } from '../../src/admin/admin.ts'
import { createMetrics } from '../../src/admin/metrics.ts'
import { mergeMetrics } from '../../src/admin/metrics-totals.ts'
import { relayEvents } from '../../src/admin/relay.ts'
import { namesOf, toFields, type PurgeFields } from '../../src/purge.ts'

type Teardown = { teardown(end: () => Promise<void> | void): unknown }

export const STATUS: StatusReport = {
  version: '1.2.3',
  state: 'running',
  startedAt: '2026-01-02T03:04:05.678Z',
  uptimeMs: 93_784_000,
  host: 'blot.localhost',
  listeners: [
    { name: 'http', address: '127.0.0.1', port: 8000 },
    { name: 'https', address: '127.0.0.1', port: 8443 },
  ],
  processes: [processOf('primary', 'primary'), processOf('manager', 'manager'), processOf('worker', 'worker-1')],
  upstreams: [{ url: 'http://127.0.0.1:8080', backup: false, state: 'away', active: 3, error: 'ECONNREFUSED' }],
  maintenance: { on: false, by: [] },
}

export function processOf(role: 'primary' | 'manager' | 'worker', id: string): StatusReport['processes'][number] {
  const startedAt = '2026-01-02T03:04:05.678Z'
  return {
    role,
    id,
    generation: 1,
    pid: 4242,
    state: 'running',
    startedAt,
    connections: 3,
    requests: 120,
    rssBytes: 64_000_000,
  }
}

const unasked = (): never => {
  throw new Error('nobody should ask')
}
/** For tests that are about something else. */
const NONE: AdminCertificates = {
  async *list() {},
  show: unasked,
  issue: unasked,
  renewAll: unasked,
  revoke: unasked,
  remove: unasked,
  import: unasked,
}

const NO_WEBHOOKS: AdminWebhooks = {
  async *list() {},
  counts: async () => ({ waiting: 0, dead: 0, oldestSinceMs: undefined }),
  retry: unasked,
  retryAll: unasked,
  drop: unasked,
  dropAll: unasked,
}

type Place = { host: string; port: number } | { path: string }
const ANY_PORT: Place = { host: '127.0.0.1', port: 0 }

/** An admin API over this process's own channels and metrics, on a port of its own. */
export async function startAdmin(t: Teardown, options: Partial<AdminOptions> = {}, place: Place = ANY_PORT) {
  const purges: PurgeFields[] = []
  const metrics = createMetrics(() => ({ entries: 7, bytes: 7000 }))
  const listeners = new Set<(event: AdminEvent) => void>()
  const stopRelay = relayEvents('worker-1', (event) => {
    for (const listener of listeners) listener(event)
  })
  const app = await createAdmin({
    version: STATUS.version,
    status: async () => STATUS,
    metrics: async () => mergeMetrics([metrics.snapshot()]),
    purge: async (purge) => {
      purges.push(toFields(purge))
      return { counts: namesOf(purge).map(() => 12), pending: false }
    },
    explain: unasked,
    certificates: NONE,
    webhooks: NO_WEBHOOKS,
    maintenance: { view: async () => ({ on: false, by: [] }), set: unasked },
    reload: unasked,
    upgrade: unasked,
    onEvent: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ...options,
  })
  const url = await app.listen(place)
  t.teardown(async () => {
    stopRelay()
    metrics.stop()
    await app.close()
  })
  return { app, url, purges }
}

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string }

export type Question = { method?: string; headers?: OutgoingHttpHeaders; body?: string; socketPath?: string }

/** One request with exactly these headers: `fetch` would choose `Host` and `Sec-Fetch-Site` itself. */
export async function ask(url: string, { method = 'GET', headers = {}, body, socketPath }: Question = {}) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const request = httpRequest(url, {
    method,
    headers: { ...json, ...headers },
    agent: false,
    ...(socketPath === undefined ? {} : { socketPath }),
  })
  return new Promise<Answer>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      const { statusCode: status = 0, headers: answered } = response
      text(response).then((read) => resolve({ status, headers: answered, text: read }), reject)
    })
    request.end(body)
  })
}

export async function askJson(url: string, question?: Question) {
  const { status, text: read } = await ask(url, question)
  return { status, body: JSON.parse(read) as unknown }
}
