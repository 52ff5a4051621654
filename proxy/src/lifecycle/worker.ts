import { join } from 'node:path'
import { createMetrics } from '../admin/metrics.ts'
import { mayPurgePlain, parsePurgeQuery, renderPurge } from '../admin/purge-request.ts'
import { relayEvents } from '../admin/relay.ts'
import { createDeliver } from '../cache/deliver.ts'
import { createFileTier, type FileTier } from '../cache/lookup.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import type { RequestHead } from '../request.ts'
import { addressMatcher } from '../server/address.ts'
import { createEdgeServer } from '../server/server.ts'
import { openStore } from '../store/open.ts'
import { hasBody, linger } from '../upstream/body.ts'
import { FOREIGN } from '../upstream/classes.ts'
import { registerUpstream } from '../upstream/plugin.ts'
import { createPool } from '../upstream/pool.ts'
import { createTunnel } from '../upstream/tunnel.ts'
import { openWorkerCertificates } from './certificates.ts'
import type { Channel } from './channel.ts'
import type { Calls } from './messages.ts'
import type { RoleBody } from './role.ts'
import { sumCounts } from './sum-counts.ts'
import { openWorkerTickets } from './tickets.ts'

const purges = edgeChannel('purge')

/** A worker: joins the rooms to a server, and serves until it is told to drain. */
export const worker: RoleBody = async ({ id, config, listeners }, channel, handlers) => {
  const store = await openStore(config)
  const certificates = await openWorkerCertificates(config, store, channel)
  handlers.changed = (change) => {
    certificates.changed(change)
    return Promise.resolve(null)
  }
  const tickets = await openWorkerTickets(channel, handlers)
  const files = createFileTier({
    cacheDirectory: config.cacheDirectory,
    cdnDirectory: join(config.appDataDirectory, 'static'),
    memoryBytes: config.memoryCacheBytes,
    pageFiles: config.pageFiles,
  })
  const metrics = createMetrics(() => files.stats())
  handlers.purge = (ask) => {
    // Blot purges a domain when it is removed, too: then its certificate goes at once.
    for (const host of ask.hosts ?? []) certificates.changed({ kind: 'permission', name: host })
    return Promise.resolve(applyPurge(files, ask))
  }
  const pool = createPool({ upstreams: config.upstreams })
  const server = await createEdgeServer(config, {
    certificates,
    tickets,
    lookup: (head) => files.find(head),
    deliver: createDeliver(),
    decline(exchange) {
      if (hasBody(exchange.request)) linger(exchange)
    },
    upstream(tools) {
      // Names given one by one: the app is not Blot (`dev --upstream`), and Blot's paths mean nothing.
      const isForeign = config.permission.kind === 'names'
      const options = { pool, config, ...(isForeign && { classify: () => FOREIGN }), ...tools }
      return { register: (app) => registerUpstream(app, options), pipe: createTunnel(options) }
    },
    purge: (target) => purgeEverywhere(target, channel),
    mayPurge: createPurgeRule(config),
    inMaintenance: () => config.maintenance,
  })
  handlers.report = () => Promise.resolve({ id, metrics: metrics.snapshot() })
  relayEvents(id, (event) => channel.send({ v: 1, type: 'event', event }))
  for (const { name, fd } of listeners) if (name !== 'admin') await server.listen({ scheme: name, fd })

  return {
    listeners: [],
    async drain(limitMs) {
      await server.drain(limitMs)
      await pool.close()
      certificates.close()
      files.close()
      await store.close()
    },
  }
}

function applyPurge(files: FileTier, { hosts }: Calls['purge']['ask']): Calls['purge']['answer'] {
  const startedMs = performance.now()
  const counts = hosts === null ? { '*': files.purgeAll() } : Object.fromEntries(files.purge(hosts))
  const entries = Object.values(counts).reduce((sum, count) => sum + count, 0)
  purges.publish({ hosts: hosts ?? ['*'], entries, durationMs: performance.now() - startedMs })
  return counts
}

/** Blot's call on the plain listener: answered once every worker has applied it. */
async function purgeEverywhere(target: string, channel: Channel): Promise<{ status: number; body: string }> {
  const query = parsePurgeQuery(target)
  if ('error' in query) return { status: 400, body: `${query.error}\n` }
  const answers = await channel.call('worker', 'purge', { hosts: query.hosts })
  return { status: 200, body: renderPurge(sumCounts(answers)) }
}

/** When loopback is a trusted proxy, everybody's requests come from there. */
function createPurgeRule({ purgeToken, trustedProxies }: Config): (head: RequestHead) => boolean {
  const isTrusted = addressMatcher(trustedProxies)
  const options = { purgeToken, loopbackTrusted: isTrusted('127.0.0.1') || isTrusted('::1') }
  return (head) => mayPurgePlain(head, options)
}
