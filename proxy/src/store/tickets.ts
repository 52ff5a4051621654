import { isDeepStrictEqual } from 'node:util'
import type { TicketKey, TicketKeys } from '../certificates/contracts.ts'
import type { Records } from './records.ts'
import type { Sealer } from './seal.ts'

const KEY = 'ticket:keys'

export function createTickets(records: Records, sealer: Sealer): TicketKeys {
  const format = (keys: readonly TicketKey[]): string => sealer.seal(JSON.stringify(keys), KEY)
  const parse = (text: string | undefined): readonly TicketKey[] =>
    text === undefined ? [] : parseKeys(sealer.open(text, KEY).plain ?? '')
  return {
    async read() {
      const text = await records.read(KEY)
      const keys = parse(text)
      const isOutdated = text !== undefined && sealer.open(text, KEY).isOutdated
      if (isOutdated) void records.swap(KEY, text, format(keys)).catch(() => {})
      return keys
    },
    async replace(before, after) {
      const found = await records.read(KEY)
      const keys = parse(found)
      if (!isDeepStrictEqual(keys, before)) return keys
      return parse(await records.swap(KEY, found, format(after)))
    },
  }
}

/** What is damaged counts as none: new keys are made, and visitors do one full handshake. */
function parseKeys(text: string): TicketKey[] {
  try {
    const keys: unknown = JSON.parse(text)
    return Array.isArray(keys) && keys.every(isTicketKey) ? keys : []
  } catch {
    return []
  }
}

function isTicketKey(value: unknown): value is TicketKey {
  if (typeof value !== 'object' || value === null || !('secret' in value) || !('createdAtMs' in value)) return false
  return typeof value.secret === 'string' && typeof value.createdAtMs === 'number'
}
