import type { CertificateStore } from '../certificates/contracts.ts'
import { createOwnTicketKeys, rotateTicketKeys, type TicketRotation } from '../certificates/ticket-rotation.ts'
import { createTickets, type Tickets } from '../certificates/tickets.ts'
import type { Config } from '../config.ts'
import type { CallHandlers, Channel } from './channel.ts'

/** How the keys of session tickets come from the store to the workers: over their channel, and nowhere else. */

/** The manager's part: one process of a machine reads and rotates. */
export async function openTicketRotation(
  { issuer }: Pick<Config, 'issuer'>,
  { tickets, changes }: Pick<CertificateStore, 'tickets' | 'changes'>,
  channel: Channel,
  handlers: CallHandlers,
): Promise<TicketRotation> {
  const own = { tickets: createOwnTicketKeys(), changes: { publish: async () => {}, subscribe: () => () => {} } }
  const shared = issuer === 'none' ? own : { tickets, changes }
  const rotation = rotateTicketKeys({
    store: shared.tickets,
    changes: shared.changes,
    onKeys(keys) {
      // A worker that is not there yet asks by itself.
      channel.call('worker', 'useTickets', { keys }).catch(() => undefined)
    },
  })
  await rotation.refresh()
  handlers.tickets = () => Promise.resolve(rotation.keys())
  return rotation
}

/** The worker's part. One that starts while the manager is away has a key of its own until it is told. */
export async function openWorkerTickets(channel: Channel, handlers: CallHandlers): Promise<Tickets> {
  const tickets = createTickets()
  handlers.useTickets = ({ keys }) => {
    tickets.use(keys)
    return Promise.resolve(null)
  }
  const [keys = []] = await channel.call('manager', 'tickets', null).catch(() => [])
  tickets.use(keys)
  return tickets
}
