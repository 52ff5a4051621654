import { CertificateInvalid } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { isDue, isExpired } from './renewal.ts'
import { createContextEntry } from './secure-context.ts'
import { createSingleflight } from './singleflight.ts'
import type { SecureContextOptions } from 'node:tls'
import type { Contexts, HeldContext } from './contexts.ts'
import type { Permission, StoredCertificate, VaultReader } from './contracts.ts'
import type { ContextEntry } from './secure-context.ts'

/** How often, on use, a context in memory is permitted again and looked at for renewal. */
export const LOOK_AGAIN_MS = 5 * 60_000
const RENEW_MS = 2 * 60_000

export type RefreshOptions = {
  readonly vault: VaultReader
  readonly permission: Permission
  readonly obtain: ((name: string, signal: AbortSignal) => Promise<void>) | undefined
  readonly contexts: Contexts
  readonly now: () => number
}

/**
 * Keeps what is in memory true, in the background of its use: a denied name is dropped, a due certificate renewed, one
 * that another process renewed is taken over. While nobody can say, what is there goes on being served.
 */
export function createRefresher(options: RefreshOptions): (held: HeldContext) => void {
  const { vault, permission, obtain, contexts, now } = options
  const refreshes = createSingleflight<void>()

  async function refresh({ entry }: HeldContext): Promise<void> {
    const { name } = entry
    const { generation } = contexts
    const signal = AbortSignal.timeout(RENEW_MS)
    if (!(await permission.ask(name, signal))) return contexts.drop(name)
    if (!isDue(entry, now())) return
    if (isExpired(entry, now())) publishExpired(entry)
    if (obtain !== undefined) await obtain(name, signal)
    const renewed = await vault.read(name)
    if (renewed !== undefined && renewed.notAfterMs > entry.notAfterMs) {
      contexts.hold(renewed, now() + LOOK_AGAIN_MS, generation)
    }
  }

  return (held) => {
    held.lookAgainAtMs = now() + LOOK_AGAIN_MS
    const { name } = held.entry
    refreshes
      .run(name, () => refresh(held))
      .catch((error: unknown) => {
        // A store that is away, or a renewal that failed, was published by whoever met it; the next look tries again.
        if (!(error instanceof CertificateInvalid)) return
        edgeChannel('fault').publish({
          area: 'certificates',
          message: 'renewed certificate cannot be used',
          error,
          name,
        })
      })
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
  now: () => number,
): () => ContextEntry {
  let current = createContextEntry(first, settings)
  let lookAgainAtMs = 0

  async function replace(make: () => Promise<StoredCertificate>): Promise<void> {
    try {
      current = createContextEntry(await make(), settings)
    } catch (error) {
      const message = 'fallback certificate was not renewed'
      edgeChannel('fault').publish({ area: 'certificates', message, error, name: current.name })
    }
  }

  return () => {
    if (renew !== undefined && now() >= lookAgainAtMs && isDue(current, now())) {
      lookAgainAtMs = now() + LOOK_AGAIN_MS
      void replace(renew)
    }
    return current
  }
}
