import { CertificateInvalid } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { makeContext } from './contexts.ts'
import { withDeadline } from './deadline.ts'
import { isDue, isExpired } from './renewal.ts'
import { createContextEntry } from './secure-context.ts'
import { createSingleflight } from './singleflight.ts'
import type { SecureContextOptions } from 'node:tls'
import type { Contexts, HeldContext } from './contexts.ts'
import type { Permission, StoredCertificate, VaultReader } from './contracts.ts'
import type { Obtain } from './find.ts'
import type { ContextEntry } from './secure-context.ts'

/** How often, on use, a context in memory is permitted again and looked at for renewal. */
export const LOOK_AGAIN_MS = 5 * 60_000
const RENEW_MS = 2 * 60_000

export type RefreshOptions = {
  readonly vault: VaultReader
  readonly permission: Permission
  readonly obtain: Obtain | undefined
  readonly contexts: Contexts
  readonly settings: SecureContextOptions
  readonly now: () => number
  readonly monotonic: () => number
  readonly closing: AbortSignal
}

export type Refresher = {
  /** Asks whether the name is still permitted, and renews the certificate if it is due. Never rejects. */
  look(held: HeldContext): Promise<void>
  /** The same after a change in the store, which is read in any case. Never rejects. */
  reload(held: HeldContext): Promise<void>
}

/**
 * Keeps what is in memory true, in the background of its use: a denied name is dropped, a due certificate renewed, one
 * that another process renewed is taken over. While nobody can say, what is there goes on being served.
 */
export function createRefresher(options: RefreshOptions): Refresher {
  const { vault, permission, obtain, contexts, settings, now, monotonic, closing } = options
  const refreshes = createSingleflight<void>()

  async function refresh(held: HeldContext, isChanged: boolean, signal: AbortSignal): Promise<void> {
    const { entry } = held
    const { name } = entry
    if (!(await permission.ask(name, signal))) return contexts.drop(name)
    if (isChanged) await takeOver(held)
    if (contexts.get(name) !== held || !isDue(entry, now())) return
    if (isExpired(entry, now())) publishExpired(entry)
    if (obtain !== undefined) await obtain(name, 'renewal', signal)
    await takeOver(held)
  }

  /** Serves what the vault holds now. */
  async function takeOver(held: HeldContext): Promise<void> {
    const { name, notBeforeMs, notAfterMs } = held.entry
    const stored = await vault.read(name)
    // Not if it was dropped or replaced meanwhile: what was read then may be what was to be forgotten.
    if (contexts.get(name) !== held) return
    if (stored === undefined) return contexts.drop(name)
    if (stored.notBeforeMs === notBeforeMs && stored.notAfterMs === notAfterMs) return
    contexts.keep(makeContext(stored, settings, monotonic() + LOOK_AGAIN_MS))
  }

  async function run(held: HeldContext, isChanged: boolean): Promise<void> {
    held.lookAgainAtMs = monotonic() + LOOK_AGAIN_MS
    const { name } = held.entry
    const work = (): Promise<void> => withDeadline(RENEW_MS, (signal) => refresh(held, isChanged, signal), closing)
    try {
      await refreshes.run(name, work)
    } catch (error) {
      // A store that is away, or a renewal that failed, was published by whoever met it; the next look tries again.
      if (!(error instanceof CertificateInvalid)) return
      const message = 'renewed certificate cannot be used'
      edgeChannel('fault').publish({ area: 'certificates', message, error, name })
    }
  }

  return {
    look: (held) => run(held, false),
    reload(held) {
      // One that is under way may have read before the change.
      refreshes.forget(held.entry.name)
      return run(held, true)
    },
  }
}

/** Raises the alarm: visitors see a warning. */
export function publishExpired({ name, notAfterMs }: ContextEntry): void {
  const error = new CertificateInvalid(name, `it expired on ${new Date(notAfterMs).toISOString()}`)
  edgeChannel('fault').publish({ area: 'certificates', message: 'expired certificate is served', error, name })
}

/** The fallback certificate: asked to be made anew, on use and in the background, once it is due. */
export function createFallback(
  first: StoredCertificate,
  renew: (() => Promise<StoredCertificate>) | undefined,
  settings: SecureContextOptions,
  { now, monotonic }: Pick<RefreshOptions, 'now' | 'monotonic'>,
): () => ContextEntry {
  let current = createContextEntry(first, settings)
  let lookAgainAtMs = -Infinity

  async function replace(make: () => Promise<StoredCertificate>): Promise<void> {
    try {
      current = createContextEntry(await make(), settings)
    } catch (error) {
      const message = 'fallback certificate was not renewed'
      edgeChannel('fault').publish({ area: 'certificates', message, error, name: current.name })
    }
  }

  return () => {
    if (renew !== undefined && monotonic() >= lookAgainAtMs && isDue(current, now())) {
      lookAgainAtMs = monotonic() + LOOK_AGAIN_MS
      void replace(renew)
    }
    return current
  }
}
