import { setTimeout as delay } from 'node:timers/promises'
import { createAdmin } from '../admin/admin.ts'
import type { AdminEvent } from '../admin/contracts.ts'
import { createMetrics } from '../admin/metrics.ts'
import { relayEvents } from '../admin/relay.ts'
import { ChannelClosed } from '../errors.ts'
import type { Purge, PurgeOutcome } from '../purge.ts'
import type { DrainLimits } from '../server/drain.ts'
import { openStore } from '../store/open.ts'
import { openAdminCertificates } from './admin-certificates.ts'
import { listenAdmin, type AdminListener } from './admin-listener.ts'
import { findAway } from './away.ts'
import { openCertificateManager } from './certificates.ts'
import { createLeadership, takeUpDuties } from './duties.ts'
import { openExplainer } from './explain.ts'
import { openMaintenanceManager } from './maintenance.ts'
import type { ProcessReport } from './messages.ts'
import type { RoleBody } from './role.ts'
import { collectMetrics, collectStatus } from './status.ts'
import { openTicketRotation } from './tickets.ts'
import { turnsBehind } from './turns.ts'
import { describeTrouble, openUpstreamMonitor } from './upstreams.ts'
import { openWebhookManager } from './webhooks.ts'

/**
 * The manager: what a machine does once, and the admin API. Workers ask it, and serve on without it. At a reload there are two:
 * one that leads, and one that can answer for its workers already, or still finishes what it began.
 */
export const manager: RoleBody = async (settings, channel, handlers) => {
  const { name, config } = settings
  const metrics = createMetrics()
  const events = createEventList()
  relayEvents(name, events.publish)
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
  handlers.obtain = async ({ name: wanted, lane }) => {
    await certificates.obtain(wanted, lane)
    return null
  }
  const rotation = await openTicketRotation(config, store, channel, handlers)
  const monitor = openUpstreamMonitor(config, channel, handlers)
  const maintenance = openMaintenanceManager(config, channel)
  const own = (): ProcessReport => ({ name, metrics: metrics.snapshot() })
  handlers.report = () => Promise.resolve(own())

  const leadership = createLeadership(channel)
  const askPurge = (purge: Purge): Promise<PurgeOutcome> =>
    leadership.ask('purge', { purge }, ({ purges }) => purges.purge(purge))
  handlers.purge = ({ purge }) => askPurge(purge)
  handlers.reclaim = (ask) => leadership.ask('reclaim', ask, ({ cache }) => cache.reclaim().then(() => null))
  const explain = openExplainer(config, (asked, tags) => channel.call('worker', 'explain', { asked, tags }))
  const webhooks = await openWebhookManager(config, store, () => leadership.duties()?.delivery.wake())

  /** What is not as it should be: a sentence each. */
  const findTrouble = async (): Promise<string[]> => {
    const [away, waiting] = await Promise.all([findAway(config, store), webhooks.desk.trouble()])
    return [...away, ...describeTrouble(monitor.health()), ...(leadership.duties()?.purges.away() ?? []), ...waiting]
  }
  const admin = await createAdmin({
    version: settings.version,
    token: config.adminToken,
    purgeToken: config.purgeToken,
    status: () =>
      collectStatus(settings, channel, own(), {
        findAway: findTrouble,
        health: () => monitor.health(),
        maintenance: maintenance.view,
        webhooks: webhooks.counts,
      }),
    metrics: () => collectMetrics(channel, own()),
    purge: askPurge,
    async explain(asked) {
      const duties = leadership.duties()
      if (duties === undefined) throw new ChannelClosed('manager')
      return explain(asked, duties.purges.log)
    },
    certificates: openAdminCertificates(config, store, certificates),
    maintenance,
    ...turnsBehind(channel),
    webhooks: webhooks.desk,
    onEvent: events.subscribe,
  })
  await admin.ready()
  let listener: AdminListener | undefined
  let hasLetGo = false

  async function letGo(): Promise<void> {
    hasLetGo = true
    listener?.close()
    monitor.close()
    await leadership.end()
  }

  async function drain({ limitMs }: DrainLimits): Promise<void> {
    const isReplaced = hasLetGo
    await letGo()
    // At a reload, those who asked for something get it; at a stop, orders are given up.
    if (isReplaced) {
      const settled = Promise.all([listener?.ended, certificates.settled()])
      await Promise.race([settled, delay(limitMs, undefined, { ref: false })])
    } else admin.server.closeIdleConnections()
    rotation.close()
    await certificates.close()
    await listener?.ended
    webhooks.close()
    await store.close()
  }

  let drained: Promise<void> | undefined
  return {
    async serve() {
      const rooms = { store, certificates, maintenance, monitor, webhooks }
      leadership.begin(await takeUpDuties(config, rooms, channel))
      listener = await listenAdmin(
        admin,
        settings.listeners.map(({ fd }) => fd),
      )
    },
    probe: (connection) => void admin.server.emit('connection', connection),
    letGo,
    snapshot: () => metrics.snapshot(),
    drain(limits) {
      drained ??= drain(limits)
      return drained
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
