import { setTimeout as delay } from 'node:timers/promises'
import {
  CertificateInvalid,
  CertificateLimited,
  codeOf,
  StoreFenced,
  StoreKeyUnknown,
  StoreUnavailable,
} from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { withDeadline } from './deadline.ts'
import { OWN_ISSUER, isExpired, scheduledTimeMs, suggestedTimeMs } from './renewal.ts'
import { scanVault } from './schedule-scan.ts'
import type { CertificateStore, Issuer, Permission, StoredCertificate } from './contracts.ts'
import type { Obtainer } from './obtain.ts'

export type RenewalOptions = {
  readonly store: Pick<CertificateStore, 'vault' | 'locker' | 'schedule' | 'failures'>
  readonly issuer: Issuer
  readonly permission: Permission
  readonly obtainer: Pick<Obtainer, 'obtain'>
  readonly now?: () => number
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Renews certificates when their time has come, whether anybody visits them or not. */
export type Renewals = {
  /** Looks at every name whose time has come. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
  round(signal: AbortSignal): Promise<void>
  /** Stops, and waits for what is under way. */
  close(): Promise<void>
}

/** One machine renews, under this lock, which it holds as long as it lives. */
const LEASE = 'renewals'
const LEASE_WAIT_MS = 2_000
const ROUND_MS = 30_000
const SCAN_MS = 24 * 3600_000
const NAMES_A_ROUND = 100
/** Fewer than the queue has places: visitors keep some. */
const AT_ONCE = 4
/** When nobody could say whether a name is permitted, or the CA's limits stand in the way for longer. */
const LATER_MS = 10 * 60_000
const MOST_LATER_MS = 6 * 3600_000
const ASK_CA_MS = 20_000
/** A CA that says nothing of a certificate may do so another day. */
const SILENT_CA_MS = 24 * 3600_000
/** An expired one that could not be renewed for so long is nobody's any more; a visitor has it obtained anew. */
const GIVE_UP_MS = 7 * 24 * 3600_000

/** Begins at once, and goes on until it is closed. */
export function startRenewals(options: RenewalOptions): Renewals {
  const { pause = sleep } = options
  const closing = new AbortController()
  const renewals = createRenewals(options)

  async function live(): Promise<void> {
    const { signal } = closing
    while (!signal.aborted) {
      try {
        await holdLease(signal)
      } catch (error) {
        publishUnexpected(error)
      }
      await pause(ROUND_MS, signal).catch(() => undefined)
    }
  }

  async function holdLease(signal: AbortSignal): Promise<void> {
    const { locker } = options.store
    const lease = await withDeadline(LEASE_WAIT_MS, (limit) => locker.acquire(LEASE, limit), signal)
    try {
      await work(AbortSignal.any([signal, lease.lost]))
    } finally {
      await lease.release()
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    const { now = Date.now } = options
    let scannedAtMs = -Infinity
    while (!signal.aborted) {
      // By a clock that nobody sets: what is due follows from the other one.
      if (performance.now() - scannedAtMs >= SCAN_MS) {
        await scanVault({ ...options.store, now, pause }, signal)
        scannedAtMs = performance.now()
      }
      await renewals.round(signal)
      await pause(ROUND_MS, signal)
    }
  }

  const living = live()
  return {
    round: (signal) => renewals.round(signal),
    async close() {
      closing.abort(new DOMException('the manager closes', 'AbortError'))
      await living
    },
  }
}

export function createRenewals(options: RenewalOptions): Pick<Renewals, 'round'> {
  const { store, issuer, permission, obtainer, now = Date.now } = options
  const { schedule } = store

  async function lookAt(name: string, signal: AbortSignal): Promise<void> {
    const permitted = await permission.ask(name, signal).catch(() => undefined)
    // A denial that nobody spoke is none.
    if (permitted === undefined) return schedule.set(name, now() + LATER_MS)
    if (!permitted) return schedule.remove(name)
    const certificate = await readOrWhy(name)
    if (certificate === undefined) return schedule.remove(name)
    // It may have that key another day, and nothing is ever written over what it cannot read.
    if (certificate === 'sealed') return schedule.set(name, now() + MOST_LATER_MS)
    if (certificate !== 'damaged') {
      const { renewAtMs, lookAtMs } = await plan(certificate, signal)
      if (renewAtMs > now()) return schedule.set(name, Math.min(renewAtMs, lookAtMs))
    }
    await renew(name, certificate, signal)
  }

  async function readOrWhy(name: string): Promise<StoredCertificate | 'damaged' | 'sealed' | undefined> {
    try {
      return await store.vault.read(name)
    } catch (error) {
      if (error instanceof CertificateInvalid) return 'damaged'
      if (!(error instanceof StoreKeyUnknown)) throw error
      edgeChannel('fault').publish({ area: 'certificates', message: 'certificate cannot be renewed', error, name })
      return 'sealed'
    }
  }

  /** When it is to be renewed, and when the CA is to be asked again. */
  async function plan(
    certificate: StoredCertificate,
    signal: AbortSignal,
  ): Promise<{ renewAtMs: number; lookAtMs: number }> {
    const ask = issuer.renewalInfo
    const usual = { renewAtMs: scheduledTimeMs(certificate), lookAtMs: now() + SILENT_CA_MS }
    if (ask === undefined || certificate.issuer === OWN_ISSUER) return { ...usual, lookAtMs: Infinity }
    try {
      const info = await withDeadline(ASK_CA_MS, (limit) => ask(certificate.chainPem, limit), signal)
      if (info === undefined) return usual
      return { renewAtMs: suggestedTimeMs(info, certificate.name), lookAtMs: now() + clampRetry(info.retryAfterMs) }
    } catch {
      // The CA is away, or does not know this certificate: then the usual rule holds (RFC 9773 4.3.3).
      return { ...usual, lookAtMs: now() + MOST_LATER_MS }
    }
  }

  async function renew(name: string, certificate: StoredCertificate | 'damaged', signal: AbortSignal): Promise<void> {
    try {
      await obtainer.obtain(name, { lane: 'renewal', renew: true }, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof StoreUnavailable) throw error
      if (certificate !== 'damaged' && isExpired(certificate, now())) publishExpired(certificate)
      if (certificate !== 'damaged' && now() >= certificate.notAfterMs + GIVE_UP_MS) return schedule.remove(name)
      await schedule.set(name, await nextTryMs(name, error))
    }
  }

  async function nextTryMs(name: string, error: unknown): Promise<number> {
    const failure = await store.failures.read(name)
    const saidMs = error instanceof CertificateLimited ? error.untilMs : failure?.nextTryAtMs
    return Math.min(now() + MOST_LATER_MS, Math.max(saidMs ?? 0, now() + LATER_MS / 10))
  }

  return {
    async round(signal) {
      // Once each: a certificate that is due as soon as it comes must not be ordered over and over.
      const seen = new Set<string>()
      for (;;) {
        const due = await schedule.due(now(), NAMES_A_ROUND)
        const names = due.filter((name) => !seen.has(name))
        if (names.length === 0) return
        for (const name of names) seen.add(name)
        const left = names.values()
        const lane = async (): Promise<void> => {
          for (const name of left) {
            signal.throwIfAborted()
            await lookAt(name, signal)
          }
        }
        const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane))
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      }
    },
  }
}

/** As RFC 9773 4.3.2 has it: neither at once nor hardly ever. */
function clampRetry(retryAfterMs: number): number {
  return Math.min(24 * 3600_000, Math.max(60_000, retryAfterMs))
}

/** Raises the alarm: visitors see a warning. */
function publishExpired({ name, notAfterMs }: StoredCertificate): void {
  const error = new CertificateInvalid(name, `it expired on ${new Date(notAfterMs).toISOString()}`)
  edgeChannel('fault').publish({ area: 'certificates', message: 'expired certificate was not renewed', error, name })
}

/** Another machine holds the lease, the store is away, or this process ends: all of that is usual. */
function publishUnexpected(error: unknown): void {
  if (error instanceof DOMException || error instanceof StoreUnavailable || error instanceof StoreFenced) return
  // Node's timers have an AbortError of their own.
  if (codeOf(error) === 'ABORT_ERR') return
  edgeChannel('fault').publish({ area: 'certificates', message: 'renewals were interrupted', error })
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false })
}
