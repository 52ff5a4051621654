import { createBrokenNames } from './broken.ts'
import { createChangeListener } from './changes.ts'
import { createContexts, makeContext } from './contexts.ts'
import { untilAborted, withDeadline } from './deadline.ts'
import { find } from './find.ts'
import { checkServerName } from './names.ts'
import { LOOK_AGAIN_MS, createFallback, createRefresher, publishExpired } from './refresh.ts'
import { isDue, isExpired } from './renewal.ts'
import { createContextEntry, tlsSettings } from './secure-context.ts'
import { createScannerGuard } from './scanners.ts'
import { createSingleflight } from './singleflight.ts'
import { createWaitingRoom } from './waiting.ts'
import type { Config } from '../config.ts'
import type { Change, StoredCertificate, VaultReader } from './contracts.ts'
import type { Alert, Found, Obtain } from './find.ts'
import type { CachedPermission } from './permission-cache.ts'
import type { ContextEntry } from './secure-context.ts'
import type { Flight } from './singleflight.ts'
import type { WaitingLimits } from './waiting.ts'

export type { ContextEntry } from './secure-context.ts'

export type CertificatesOptions = {
  readonly vault: VaultReader
  /** What this machine can still read while the store is away. A file vault is its own copy. */
  readonly copies?: VaultReader | undefined
  readonly permission: CachedPermission
  readonly obtain: Obtain
  readonly blotHost: string
  readonly fallback: StoredCertificate
  /** Asked for a new fallback certificate when this one is due. Rejections are published as faults. */
  readonly renewFallback?: (() => Promise<StoredCertificate>) | undefined
  /** Served for every name that it covers, without asking anybody. */
  readonly wildcard?: StoredCertificate | undefined
  readonly dhparamsPem?: string | undefined
  /** `none`: what is in the vault is served, and nothing is ever obtained. */
  readonly issuerKind: Config['issuer']
  /** Id of the issuer now: what a former local CA issued is obtained anew. */
  readonly issuerId?: string | undefined
  readonly issueWaitMs: number
  readonly maxContexts?: number
  readonly maxContextBytes?: number
  readonly waiting?: WaitingLimits
  readonly now?: () => number
  /** ms of a clock that nobody sets, by which things are looked at again. */
  readonly monotonic?: () => number
}

export type HandshakeAnswer =
  | {
      readonly outcome: 'memory' | 'stored' | 'issued' | 'fallback'
      readonly entry: ContextEntry
      readonly reason?: string
    }
  | { readonly outcome: 'refused'; readonly alert: Alert; readonly reason: string }

/** The certificates of one worker: what each handshake gets. */
export type Certificates = {
  readonly fallback: ContextEntry
  /** From memory alone: no I/O, no waiting. @param name a normalised name. */
  select(name: string): ContextEntry | undefined
  /**
   * The whole way: name check, memory, permission, vault, obtain. Never rejects.
   * @param serverName as the visitor sent it. @param address of the visitor, for the limits on waiting.
   */
  answer(serverName: string | undefined, address: string): Promise<HandshakeAnswer>
  /** The store changed; after `all`, everything in memory is looked at again, at a pace. */
  changed(change: Change | { readonly kind: 'all' }): void
  /** Served from now on for every name that it covers. Throws EDGE_ERR_CERTIFICATE_INVALID. */
  useWildcard(certificate: StoredCertificate): void
  size(): { contexts: number; bytes: number }
  /** Ends what is under way, and lets go of all contexts. */
  close(): void
}

/** Longer than a handshake waits: an order goes on after its handshake got the fallback certificate. */
const FIND_MS = 2 * 60_000
const UNKNOWN = { outcome: 'refused', alert: 'unrecognized_name' } as const
const WAITING: WaitingLimits = { total: 1_000, perAddress: 100, perDomain: 200 }

/** Throws EDGE_ERR_CERTIFICATE_INVALID when the fallback or the wildcard certificate cannot be served. */
export function createCertificates(options: CertificatesOptions): Certificates {
  const { issuerKind, permission, issueWaitMs, waiting: limits = WAITING, now = Date.now } = options
  const { monotonic = () => performance.now() } = options
  const closing = new AbortController()
  const settings = tlsSettings(options.dhparamsPem)
  const obtain = issuerKind === 'none' ? undefined : options.obtain
  const maxContexts = options.maxContexts ?? 5_000
  const maxBytes = options.maxContextBytes ?? maxContexts * 40 * 1024
  const contexts = createContexts({ contexts: maxContexts, bytes: maxBytes })
  const refresher = createRefresher({ ...options, obtain, contexts, settings, now, monotonic, closing: closing.signal })
  const fallback = createFallback(options.fallback, options.renewFallback, settings, { now, monotonic })
  const waiting = createWaitingRoom(limits)
  const flights = createSingleflight<Found>()
  const broken = createBrokenNames(monotonic)
  const scanners = createScannerGuard({ blotHost: options.blotHost, now: monotonic })
  const changed = createChangeListener({ permission, contexts, broken, refresher, flights, closing: closing.signal })
  let wildcard: ContextEntry | undefined
  if (options.wildcard !== undefined) useWildcard(options.wildcard)

  function useWildcard(certificate: StoredCertificate): void {
    wildcard = createContextEntry(certificate, settings)
    if (isExpired(wildcard, now())) publishExpired(wildcard)
  }

  function select(name: string): ContextEntry | undefined {
    const held = contexts.get(name)
    if (held !== undefined) {
      if (monotonic() >= held.lookAgainAtMs) void refresher.look(held)
      return held.entry
    }
    return wildcard !== undefined && !isExpired(wildcard, now()) && wildcard.covers(name) ? wildcard : undefined
  }

  async function findOnce(name: string, flight: Flight): Promise<Found> {
    const hold = (certificate: StoredCertificate, origin: 'vault' | 'copy'): ContextEntry => {
      // Whether a copy is still permitted is asked at its very next use.
      const held = makeContext(certificate, settings, origin === 'copy' ? monotonic() : monotonic() + LOOK_AGAIN_MS)
      if (!flight.forgotten) contexts.keep(held)
      if (origin === 'vault' && isDue(certificate, now())) void refresher.look(held)
      return held.entry
    }
    const seek = (signal: AbortSignal): Promise<Found> => find(name, { ...options, obtain, hold }, signal)
    const found = await withDeadline(FIND_MS, seek, closing.signal)
    if (found.kind === 'fallback' && !flight.forgotten) broken.add(name, found.reason)
    return found
  }

  async function wait(name: string): Promise<HandshakeAnswer> {
    if (!flights.has(name) && flights.size >= limits.total) return refuse('too many names are in work')
    const found = flights.run(name, (flight) => findOnce(name, flight))
    try {
      return answerOf(await withDeadline(issueWaitMs, (signal) => untilAborted(found, signal)), fallback())
    } catch {
      return { outcome: 'fallback', entry: fallback(), reason: 'not ready in time' }
    }
  }

  return {
    get fallback() {
      return fallback()
    },
    select,
    async answer(serverName, address) {
      if (!serverName) return { outcome: 'fallback', entry: fallback(), reason: 'no server name' }
      const name = checkServerName(serverName, issuerKind === 'local')
      if (name === undefined) return { ...UNKNOWN, reason: 'malformed server name' }
      const entry = select(name)
      if (entry !== undefined) return { outcome: 'memory', entry }
      const reason = broken.reason(name)
      if (reason !== undefined) return { outcome: 'fallback', entry: fallback(), reason }
      if (!permission.isKnown(name) && !scanners.mayAsk(name, address))
        return { ...UNKNOWN, reason: 'a scan of this domain' }
      const leave = waiting.enter(name, address)
      if (typeof leave === 'string') return refuse(leave)
      const given = await wait(name).finally(leave)
      if (given.outcome === 'refused' && given.alert === 'unrecognized_name') scanners.denied(name, address)
      return given
    },
    changed,
    useWildcard,
    size: () => contexts.size(),
    close() {
      closing.abort(new DOMException('the worker closes', 'AbortError'))
      contexts.clear()
    },
  }
}

function refuse(reason: string): HandshakeAnswer {
  return { outcome: 'refused', alert: 'internal_error', reason }
}

function answerOf(found: Found, fallback: ContextEntry): HandshakeAnswer {
  if (found.kind === 'refused') return { outcome: 'refused', alert: found.alert, reason: found.reason }
  if (found.kind === 'fallback') return { outcome: 'fallback', entry: fallback, reason: found.reason }
  const { outcome, entry, reason } = found
  return reason === undefined ? { outcome, entry } : { outcome, entry, reason }
}
