import { setTimeout as delay } from 'node:timers/promises'
import type { BrokenNames } from './broken.ts'
import type { Change } from './contracts.ts'
import type { Contexts } from './contexts.ts'
import type { CachedPermission } from './permission-cache.ts'
import type { Refresher } from './refresh.ts'
import type { Singleflight } from './singleflight.ts'

export type ChangeOptions = {
  readonly permission: Pick<CachedPermission, 'forget'>
  readonly contexts: Contexts
  readonly broken: BrokenNames
  readonly refresher: Refresher
  readonly flights: Pick<Singleflight<unknown>, 'forget' | 'get'>
  readonly closing: AbortSignal
}

/** Contexts that are looked at together after a gap, and the rest for the store between. */
const AT_ONCE = 16
const REST_MS = 20

/** What a worker does when it hears that something in the store changed. */
export function createChangeListener(options: ChangeOptions): (change: Change | { readonly kind: 'all' }) => void {
  const { permission, contexts, broken, refresher, flights, closing } = options
  let underway = new AbortController()

  function permissionChanged(name: string): void {
    permission.forget(name)
    broken.forget(name)
    flights.forget(name)
    const held = contexts.get(name)
    if (held !== undefined) void refresher.look(held)
  }

  async function certificateChanged(name: string): Promise<void> {
    broken.forget(name)
    // One that is under way may have read the certificate of before, or be what obtained this one.
    await flights.get(name)?.catch(() => undefined)
    const held = contexts.get(name)
    if (held !== undefined) await refresher.reload(held)
  }

  async function all(): Promise<void> {
    underway.abort()
    underway = new AbortController()
    const { signal } = underway
    broken.clear()
    const left = contexts.all()
    while (left.length > 0 && !signal.aborted && !closing.aborted) {
      const some = left.splice(0, AT_ONCE)
      for (const { entry } of some) permission.forget(entry.name)
      await Promise.all(some.map((held) => refresher.reload(held)))
      await delay(REST_MS, undefined, { ref: false })
    }
  }

  return (change) => {
    if (change.kind === 'all') void all()
    else if (change.kind === 'permission') permissionChanged(change.name)
    else if (change.kind === 'certificate') void certificateChanged(change.name)
  }
}
