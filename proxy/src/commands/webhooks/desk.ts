import { AdminUnavailable } from '../../errors.ts'
import type { WebhookView } from '../../webhooks/contracts.ts'
import type { WebhookDesk } from '../../webhooks/desk.ts'
import { askAdmin, followAdmin, isNobodyThere, locateAdmin, type AdminPlace } from '../ask-admin.ts'
import type { CommandContext } from '../command.ts'

/** What the commands ask: of a running edge, or of the store itself where none runs. */
export type Desk = Omit<WebhookDesk, 'counts' | 'trouble'> & {
  readonly isRunning: boolean
  close(): Promise<void>
}

/** All of a full queue is looked at. */
const SILENCE_MS = 60_000

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
    return openStoreDesk(context)
  }
}

function createAdminDesk(place: AdminPlace, signal: AbortSignal): Desk {
  const ask = async (method: 'POST' | 'DELETE', path: string): Promise<string> =>
    askAdmin(place, { method, path, silenceMs: SILENCE_MS, signal })
  const pathOf = (id: string): string => `/webhooks/${encodeURIComponent(id)}`
  return {
    isRunning: true,
    list(state) {
      const path = state === undefined ? '/webhooks' : `/webhooks?state=${state}`
      return followAdmin(place, { path, silenceMs: SILENCE_MS, signal }) as AsyncIterable<WebhookView>
    },
    retry: async (id) => parse(await ask('POST', `${pathOf(id)}/retry`)) as WebhookView,
    retryAll: async () => numberIn(await ask('POST', '/webhooks/retry'), 'retried'),
    async drop(id) {
      await ask('DELETE', pathOf(id))
    },
    dropAll: async (state) => numberIn(await ask('DELETE', `/webhooks?state=${state}`), 'dropped'),
    close: async () => {},
  }
}

function numberIn(text: string, field: string): number {
  const value = (parse(text) as Record<string, unknown> | null)?.[field]
  if (typeof value === 'number') return value
  throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
  }
}
