import { createAdmin } from '../admin/admin.ts'
import type { AdminEvent } from '../admin/contracts.ts'
import { createMetrics } from '../admin/metrics.ts'
import { relayEvents } from '../admin/relay.ts'
import { openStore } from '../store/open.ts'
import { openAdminCertificates } from './admin-certificates.ts'
import { listenAdmin } from './admin-listener.ts'
import { findAway } from './away.ts'
import { openCacheManager } from './cache.ts'
import { openCertificateManager } from './certificates.ts'
import { openMaintenanceManager } from './maintenance.ts'
import type { ProcessReport } from './messages.ts'
import { openPurgeManager } from './purges.ts'
import type { RoleBody } from './role.ts'
import { collectMetrics, collectStatus } from './status.ts'
import { openTicketRotation } from './tickets.ts'
import { describeTrouble, openUpstreamMonitor } from './upstreams.ts'

/** The manager: what a machine does once, and the admin API. Workers ask it, and serve on without it. */
export const manager: RoleBody = async (settings, channel, handlers) => {
  const { id, config, version } = settings
  const metrics = createMetrics()
  const events = createEventList()
  relayEvents(id, events.publish)
  channel.onMessage((message) => {
    if (message.type === 'event') events.publish(message.event)
  })

  const store = await openStore(config)
  const certificates = await openCertificateManager(settings, store, channel)
  await certificates.prepare()
  handlers.prepare = async () => {
    await certificates.prepare()
    return { issuerId: certificates.issuerId ?? null }
  }
  handlers.obtain = async ({ name, lane }) => {
    await certificates.obtain(name, lane)
    return null
  }
  const rotation = await openTicketRotation(config, store, channel, handlers)
  const cache = openCacheManager(config, handlers)
  const purges = await openPurgeManager(config, store.purges, channel, handlers)
  const monitor = openUpstreamMonitor(config, channel, handlers)

  const maintenance = openMaintenanceManager(config, channel)

  const own = (): ProcessReport => ({ id, metrics: metrics.snapshot() })
  const admin = await createAdmin({
    version,
    token: config.adminToken,
    purgeToken: config.purgeToken,
    status: () =>
      collectStatus(settings, channel, own(), {
        findAway: async () => [
          ...(await findAway(config, store)),
          ...describeTrouble(monitor.health()),
          ...purges.away(),
        ],
        maintenance: maintenance.view,
      }),
    metrics: () => collectMetrics(channel, own()),
    purge: purges.purge,
    certificates: openAdminCertificates(config, store, certificates),
    maintenance,
    onEvent: events.subscribe,
  })
  const listener = await listenAdmin(admin, config.admin)

  return {
    listeners: listener === undefined ? [] : [listener],
    async drain() {
      await admin.close()
      monitor.close()
      rotation.close()
      cache.close()
      await certificates.close()
      await purges.close()
      await store.close()
    },
  }
}

type EventListener = (event: AdminEvent) => void

function createEventList(): { publish: EventListener; subscribe(listener: EventListener): () => void } {
  const listeners = new Set<EventListener>()
  return {
    publish(event) {
      for (const listener of listeners) listener(event)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
