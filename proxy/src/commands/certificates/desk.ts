import type { CertificateOperations, CertificateStatus, RenewalStep } from '../../certificates/contracts.ts'
import type { CertificateImport, ImportOutcome } from '../../certificates/import.ts'
import { AdminUnavailable } from '../../errors.ts'
import { askAdmin, followAdmin, isNobodyThere, locateAdmin, type AdminPlace } from '../ask-admin.ts'
import type { CommandContext } from '../command.ts'

/** What the commands ask: of a running edge, or of the store itself where none runs. */
export type Desk = Omit<CertificateOperations, 'list'> & {
  readonly isRunning: boolean
  list(filter: ListFilter): AsyncIterable<CertificateStatus>
  import(offered: CertificateImport, isTrial: boolean): Promise<readonly ImportOutcome[]>
  close(): Promise<void>
}

export type ListFilter = { readonly states: readonly string[]; readonly search: string }

/** An order waits for the CA, and for the names before it. */
const ORDER_MS = 5 * 60_000
/** Between two steps of a paced renewal. */
const STEP_MS = 15 * 60_000
const STORE_MS = 60_000

/** @param signal ends what is under way. */
export async function openDesk(context: CommandContext, signal: AbortSignal): Promise<Desk> {
  const place = await locateAdmin(context)
  try {
    await askAdmin(place, { path: '/health' })
    return createAdminDesk(place, signal)
  } catch (error) {
    if (!isNobodyThere(error)) throw error
    // Loaded here: whoever asks a running edge needs no store.
    const { openStoreDesk } = await import('./store-desk.ts')
    return openStoreDesk(context, signal)
  }
}

function createAdminDesk(place: AdminPlace, signal: AbortSignal): Desk {
  const pathOf = (name: string): string => `/certificates/${encodeURIComponent(name)}`
  return {
    isRunning: true,
    list({ states, search }) {
      const query = new URLSearchParams({ state: states.join(','), search })
      return followAdmin(place, {
        path: `/certificates?${query.toString()}`,
        silenceMs: STORE_MS,
        signal,
      }) as AsyncIterable<CertificateStatus>
    },
    show: async (name) =>
      parse(await askAdmin(place, { path: pathOf(name), silenceMs: STORE_MS, signal })) as CertificateStatus,
    async issue(domain, { renew }) {
      const asked = { method: 'POST', path: '/certificates?wait', body: { domain, renew } } as const
      return parse(await askAdmin(place, { ...asked, silenceMs: ORDER_MS, signal })) as CertificateStatus
    },
    renewAll(body) {
      const asked = { method: 'POST', path: '/certificates/renewals', body } as const
      return followAdmin(place, { ...asked, silenceMs: STEP_MS, signal }) as AsyncIterable<RenewalStep>
    },
    async revoke(name, reason) {
      await askAdmin(place, {
        method: 'POST',
        path: `${pathOf(name)}/revoke`,
        body: { reason },
        silenceMs: STORE_MS,
        signal,
      })
    },
    async remove(name) {
      await askAdmin(place, { method: 'DELETE', path: pathOf(name), silenceMs: STORE_MS, signal })
    },
    async import(offered, isTrial) {
      const asked = { method: 'POST', path: '/certificates/import', body: { ...offered, trial: isTrial } } as const
      return parse(await askAdmin(place, { ...asked, silenceMs: STORE_MS, signal })) as ImportOutcome[]
    },
    close: async () => {},
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
  }
}
