import { CertificateInvalid, StoreUnavailable, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { isOfFormerLocalIssuer } from './renewal.ts'
import type { Permission, StoredCertificate, VaultReader } from './contracts.ts'
import type { Lane } from './queue.ts'
import type { ContextEntry } from './secure-context.ts'

/** Known by its code alone: the error may come from another process. */
const DENIED = 'EDGE_ERR_CERTIFICATE_DENIED'

export type Alert = 'unrecognized_name' | 'internal_error'

export type Found =
  | {
      readonly kind: 'entry'
      readonly outcome: 'stored' | 'issued'
      readonly entry: ContextEntry
      readonly reason?: string
    }
  | { readonly kind: 'fallback'; readonly reason: string }
  | { readonly kind: 'refused'; readonly alert: Alert; readonly reason: string }

/** Has a certificate put into the vault; when it resolves, it is there. */
export type Obtain = (name: string, lane: Lane, signal: AbortSignal) => Promise<void>

export type FindOptions = {
  readonly vault: VaultReader
  /** What this machine can still read while the store is away. A file vault is its own copy. */
  readonly copies?: VaultReader | undefined
  readonly permission: Permission
  /** Has a certificate put into the vault. Undefined: the vault is served as it is. */
  readonly obtain: Obtain | undefined
  /** Id of the issuer now: what a former local CA issued counts as absent. */
  readonly issuerId?: string | undefined
  /** Makes the context of a certificate and keeps it. Throws EDGE_ERR_CERTIFICATE_INVALID. */
  readonly hold: (certificate: StoredCertificate, origin: 'vault' | 'copy') => ContextEntry
}

/**
 * The way of a handshake beyond memory: permission, vault, obtain. Never rejects.
 * @param name a checked name.
 */
export async function find(name: string, options: FindOptions, signal: AbortSignal): Promise<Found> {
  try {
    if (!(await options.permission.ask(name, signal))) return refused('unrecognized_name', 'not permitted')
    const entry = await load(name, options)
    if (entry !== undefined) return { kind: 'entry', outcome: 'stored', entry }
  } catch (error) {
    return findCopy(name, options, codeOf(error))
  }
  if (options.obtain === undefined) return { kind: 'fallback', reason: 'no certificate in the vault' }
  try {
    await options.obtain(name, 'visitor', signal)
    const entry = await load(name, options)
    if (entry === undefined) return { kind: 'fallback', reason: 'no usable certificate after obtaining' }
    return { kind: 'entry', outcome: 'issued', entry }
  } catch (error) {
    // Whoever obtains asks for permission again, and may know better by then.
    const code = codeOf(error)
    if (code === DENIED) return refused('unrecognized_name', 'not permitted')
    return { kind: 'fallback', reason: code }
  }
}

/** @returns undefined when there is none that can be served: one that cannot is a fault, and obtained anew. */
async function load(name: string, options: FindOptions): Promise<ContextEntry | undefined> {
  try {
    const certificate = await options.vault.read(name)
    if (certificate === undefined || isOfFormerLocalIssuer(certificate, options.issuerId)) return undefined
    return options.hold(certificate, 'vault')
  } catch (error) {
    if (error instanceof StoreUnavailable) throw error
    edgeChannel('fault').publish({ area: 'certificates', message: 'stored certificate cannot be used', error, name })
    // One under a key that this machine has not is good: another one would cost an order for each name.
    if (!(error instanceof CertificateInvalid)) throw error
    return undefined
  }
}

/** The store or whoever permits is away: a copy of this machine was permitted when it was saved. */
async function findCopy(name: string, options: FindOptions, reason: string): Promise<Found> {
  try {
    const copy = await options.copies?.read(name)
    if (copy !== undefined) return { kind: 'entry', outcome: 'stored', entry: options.hold(copy, 'copy'), reason }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) {
      edgeChannel('fault').publish({ area: 'certificates', message: 'copied certificate cannot be used', error, name })
    }
  }
  return refused('internal_error', reason)
}

function refused(alert: Alert, reason: string): Found {
  return { kind: 'refused', alert, reason }
}
