import type { Config } from '../config.ts'
import { ChannelClosed } from '../errors.ts'
import type { Store } from '../store/open.ts'
import { openCacheManager, type CacheManager } from './cache.ts'
import type { CertificateManager } from './certificates.ts'
import type { Channel } from './channel.ts'
import type { CallKind, Calls } from './messages.ts'
import type { MaintenanceManager } from './maintenance.ts'
import { openPurgeManager, type PurgeManager } from './purges.ts'
import { startDelivery, type Delivery, type DeliveryRooms } from './webhooks.ts'

/** What only one process of a machine may do at a time: the manager that leads. */
export type Duties = {
  readonly purges: PurgeManager
  readonly cache: CacheManager
  readonly delivery: Delivery
  /** Resolves when another process may take them up. */
  close(): Promise<void>
}

type DutyRooms = DeliveryRooms & {
  store: Store
  certificates: CertificateManager
  maintenance: MaintenanceManager
}

/** Rejects with nothing taken up. */
export async function takeUpDuties(config: Config, rooms: DutyRooms, channel: Channel): Promise<Duties> {
  const { store, certificates, maintenance } = rooms
  const purges = await openPurgeManager(config, store.purges, channel)
  const cache = openCacheManager(config)
  const upkeep = certificates.lead()
  const delivery = startDelivery(config, rooms)
  maintenance.tell()
  return {
    purges,
    cache,
    delivery,
    async close() {
      cache.close()
      await Promise.all([upkeep.close(), purges.close(), delivery.close()])
    },
  }
}

/** The duties of a manager while it leads. */
export type Leadership = {
  duties(): Duties | undefined
  begin(duties: Duties): void
  /** Resolves when another process may lead. */
  end(): Promise<void>
  /** Does what only the leading manager can, or has that one do it. */
  ask<Kind extends CallKind>(
    kind: Kind,
    ask: Calls[Kind]['ask'],
    work: (duties: Duties) => Promise<Calls[Kind]['answer']>,
  ): Promise<Calls[Kind]['answer']>
}

export function createLeadership(channel: Channel): Leadership {
  let duties: Duties | undefined
  return {
    duties: () => duties,
    begin: (taken) => void (duties = taken),
    async end() {
      const given = duties
      duties = undefined
      await given?.close()
    },
    async ask(kind, ask, work) {
      if (duties !== undefined) return work(duties)
      const [answer] = await channel.call('manager', kind, ask)
      if (answer === undefined) throw new ChannelClosed('manager')
      return answer
    },
  }
}
