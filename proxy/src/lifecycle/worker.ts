import { createMetrics } from '../admin/metrics.ts'
import { mayPurgePlain } from '../admin/plain-purge.ts'
import { parsePurgeQuery, renderPurge } from '../admin/purge-request.ts'
import { relayEvents } from '../admin/relay.ts'
import { createChallengeReader } from '../certificates/challenge-reader.ts'
import type { Config } from '../config.ts'
import { ChannelClosed } from '../errors.ts'
import type { RequestHead } from '../request.ts'
import { addressMatcher } from '../server/address.ts'
import { createEdgeServer } from '../server/server.ts'
import { openStore } from '../store/open.ts'
import { hasBody, linger } from '../upstream/body.ts'
import { FOREIGN } from '../upstream/classes.ts'
import { registerUpstream, type UpstreamOptions } from '../upstream/plugin.ts'
import { createTunnel } from '../upstream/tunnel.ts'
import { openWorkerCache } from './cache.ts'
import { openWorkerCertificates } from './certificates.ts'
import { headOf } from './explain.ts'
import { openWorkerMaintenance } from './maintenance.ts'
import type { Channel } from './channel.ts'
import type { RoleBody } from './role.ts'
import { openWorkerTickets } from './tickets.ts'
import { openWorkerUpstreams } from './upstreams.ts'
import { openWorkerWebhooks } from './webhooks.ts'

/** A worker: joins the rooms to a server, and serves until it is told to drain. */
export const worker: RoleBody = async ({ name, config, listeners }, channel, handlers) => {
  const store = await openStore(config)
  const certificates = await openWorkerCertificates(config, store, channel)
  handlers.changed = (change) => {
    certificates.changed(change)
    return Promise.resolve(null)
  }
  const maintenance = await openWorkerMaintenance(config, handlers)
  const { closed } = maintenance
  const tickets = await openWorkerTickets(channel, handlers)
  // Blot purges a domain when it is removed, too: then its certificate goes at once.
  const cache = await openWorkerCache(config, channel, handlers, ({ hosts }) => {
    for (const host of hosts) certificates.changed({ kind: 'permission', name: host })
  })
  const metrics = createMetrics(() => cache.stats())
  const upstreams = openWorkerUpstreams(config, channel, handlers)
  const webhooks = await openWorkerWebhooks(config, { store, pool: upstreams.pool, closed })
  const server = await createEdgeServer(config, {
    certificates,
    tickets,
    lookup: cache.lookup,
    lookupKept: cache.lookupKept,
    deliver: cache.deliver,
    compose: cache.compose,
    decline(exchange) {
      if (hasBody(exchange.request)) linger(exchange)
    },
    upstream(tools) {
      // Names given one by one: the app is not Blot (`dev --upstream`). Blot's paths mean nothing, and whoever works on an app
      // wants to see what it answers now.
      const isForeign = config.permission.kind === 'names'
      const around: UpstreamOptions['around'] = (fetch) => webhooks.around(cache.around(tools)(fetch), tools)
      const manner = isForeign
        ? { classify: () => FOREIGN, isComposed: () => true }
        : { around, isComposed: cache.isComposed }
      const { pool, hold } = upstreams
      const options = { pool, hold, config, closed, ...manner, ...tools }
      return { register: (app) => registerUpstream(app, options), pipe: createTunnel(options) }
    },
    purge: (target) => purgeEverywhere(target, channel),
    challenge: createChallengeReader(store.tokens),
    mayPurge: createPurgeRule(config),
  })
  handlers.explain = ({ asked, tags }) =>
    Promise.resolve({ process: name, ...cache.explain(headOf(asked, config), tags) })
  handlers.report = () =>
    Promise.resolve({
      name,
      metrics: metrics.snapshot(),
      underWay: server.underWay(),
      upstreams: upstreams.pool.stats(),
    })
  relayEvents(name, (event) => channel.send({ v: 1, type: 'event', event }))

  async function close(): Promise<void> {
    await upstreams.close()
    certificates.close()
    await cache.close()
    webhooks.close()
    await store.close()
  }

  let drained: Promise<void> | undefined
  return {
    async serve() {
      await Promise.all([cache.refresh(), maintenance.refresh()])
      for (const { name: scheme, fd } of listeners) if (scheme !== 'admin') await server.listen({ scheme, fd })
    },
    probe: (connection) => server.take('https', connection),
    snapshot: () => metrics.snapshot(),
    drain(limits) {
      // Asked again, the server takes the shorter limits.
      const served = server.drain(limits)
      drained ??= served.then(close)
      return drained
    },
  }
}

/** Blot's call on the plain listener: answered once every worker has applied it. */
async function purgeEverywhere(target: string, channel: Channel): Promise<{ status: number; body: string }> {
  const purge = parsePurgeQuery(target)
  if ('error' in purge) return { status: 400, body: `${purge.error}\n` }
  const [outcome] = await channel.call('manager', 'purge', { purge })
  if (outcome === undefined) throw new ChannelClosed('manager')
  return { status: outcome.pending ? 202 : 200, body: renderPurge(purge, outcome) }
}

/** When loopback is a trusted proxy, everybody's requests come from there. */
function createPurgeRule({ purgeToken, trustedProxies }: Config): (head: RequestHead) => boolean {
  const isTrusted = addressMatcher(trustedProxies)
  const options = { purgeToken, loopbackTrusted: isTrusted('127.0.0.1') || isTrusted('::1') }
  return (head) => mayPurgePlain(head, options)
}
