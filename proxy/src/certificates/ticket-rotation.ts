import { StoreUnavailable } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { isTicketKey, makeTicketKey } from './tickets.ts'
import type { Changes, TicketKey, TicketKeys } from './contracts.ts'

export type TicketRotationOptions = {
  readonly store: TicketKeys
  readonly changes: Pick<Changes, 'publish' | 'subscribe'>
  /** Told the keys, newest first, whenever they changed. */
  readonly onKeys: (keys: readonly TicketKey[]) => void
  readonly now?: () => number
}

export type TicketRotation = {
  /** What is in force; the keys of this process alone until the store has answered. */
  keys(): readonly TicketKey[]
  /** Looks into the store, and rotates where that is due. Resolves also while the store is away. */
  refresh(): Promise<void>
  close(): void
}

const HOUR_MS = 3600_000
/** A key encrypts for so long: whoever steals one reads no more than this. (With ECDHE in each resumption, not even that.) */
const ROTATE_MS = 12 * HOUR_MS
/** It decrypts for as long as its last ticket lives: SESSION_SECONDS of tlsSettings on top. */
const KEEP_MS = 24 * HOUR_MS
const LOOK_MS = 60_000

/** The ticket keys that all machines share. One machine makes a new one, by compare and replace; the others take it over. */
export function rotateTicketKeys(options: TicketRotationOptions): TicketRotation {
  const { store, changes, onKeys, now = Date.now } = options
  let keys: readonly TicketKey[] = [makeTicketKey(now())]
  let isAway = false

  function take(taken: readonly TicketKey[]): void {
    if (taken.length === 0 || taken[0]?.secret === keys[0]?.secret) return
    keys = taken
    onKeys(taken)
  }

  async function rotate(): Promise<void> {
    const found = await store.read()
    const usable = found.filter((key) => isTicketKey(key) && now() - key.createdAtMs < KEEP_MS)
    const [newest] = usable
    if (newest !== undefined && now() - newest.createdAtMs < ROTATE_MS) {
      take(usable)
      return
    }
    const after = [makeTicketKey(now()), ...usable]
    const kept = await store.replace(found, after)
    take(kept)
    if (kept[0]?.secret === after[0]?.secret) await changes.publish({ kind: 'tickets' })
  }

  async function refresh(): Promise<void> {
    try {
      await rotate()
      isAway = false
    } catch (error) {
      // A store that is away says so in every minute, and is told of once.
      if (!isAway) edgeChannel('fault').publish({ area: 'certificates', message: 'ticket keys are not shared', error })
      isAway = error instanceof StoreUnavailable
    }
  }

  const timer = setInterval(() => void refresh(), LOOK_MS).unref()
  const unsubscribe = changes.subscribe(({ kind }) => {
    if (kind === 'tickets' || kind === 'all') void refresh()
  })
  return {
    keys: () => keys,
    refresh,
    close() {
      clearInterval(timer)
      unsubscribe()
    },
  }
}

/** Keys that no other machine shares: for an edge that writes nothing into its store. */
export function createOwnTicketKeys(): TicketKeys {
  let keys: readonly TicketKey[] = []
  return {
    read: () => Promise.resolve(keys),
    replace(_before, after) {
      keys = after
      return Promise.resolve(keys)
    },
  }
}
