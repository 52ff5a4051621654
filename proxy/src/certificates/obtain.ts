import { CertificateBusy, CertificateDenied, CertificateInvalid, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { untilAborted, withDeadline } from './deadline.ts'
import { createFailureMemory } from './failures.ts'
import { generateServerKey } from './keys.ts'
import { isDue, isOfFormerLocalIssuer } from './renewal.ts'
import { createSingleflight } from './singleflight.ts'
import { createSlots } from './slots.ts'
import { certificateFromPem, joinPem, verifyIssued } from './verify.ts'
import type { Issuer, Locker, Permission, StoredCertificate, Vault } from './contracts.ts'
import type { FailureOptions } from './failures.ts'

export type ObtainerOptions = {
  readonly vault: Vault
  readonly locker: Locker
  readonly issuer: Issuer
  readonly permission: Permission
  /** For one certificate, from its turn in the queue to the vault. */
  readonly deadlineMs?: number
  readonly concurrency?: number
  readonly maxQueued?: number
  readonly failures?: FailureOptions
  readonly now?: () => number
}

/** Puts certificates into the vault: the one place from which an issuer is called. */
export type Obtainer = {
  /**
   * Resolves once the vault holds a certificate for this checked name that is not due for renewal. An abort ends the
   * caller's wait; the order goes on for the next handshake. Rejects with EDGE_ERR_CERTIFICATE_DENIED, _BACK_OFF (it failed
   * lately), _BUSY or _INVALID, with EDGE_ERR_STORE_UNAVAILABLE, or with the issuer's error.
   */
  obtain(name: string, signal?: AbortSignal): Promise<void>
  /** Ends the orders under way, and waits until they have let go of their locks. */
  close(): Promise<void>
}

export function createObtainer(options: ObtainerOptions): Obtainer {
  const { maxQueued = 1_000, deadlineMs = 90_000, now = Date.now } = options
  const flights = createSingleflight<void>()
  const failures = createFailureMemory(options.failures ?? {}, now)
  const slots = createSlots(options.concurrency ?? 8)
  const closing = new AbortController()

  async function work(name: string): Promise<void> {
    const release = await slots.take(closing.signal)
    try {
      await withDeadline(deadlineMs, (signal) => obtainLocked(name, options, signal), closing.signal)
      failures.clear(name)
    } catch (error) {
      if (!closing.signal.aborted) failures.add(name, error)
      throw error
    } finally {
      release()
    }
  }

  return {
    async obtain(name, signal) {
      if (!flights.has(name)) {
        failures.check(name)
        if (flights.size >= maxQueued) throw new CertificateBusy(name)
      }
      const flight = flights.run(name, () => work(name))
      return signal === undefined ? flight : untilAborted(flight, signal)
    },
    async close() {
      closing.abort(new DOMException('the manager closes', 'AbortError'))
      await flights.settled()
    },
  }
}

async function obtainLocked(
  name: string,
  { vault, locker, issuer, permission, now = Date.now }: ObtainerOptions,
  signal: AbortSignal,
): Promise<void> {
  if (!(await permission.ask(name, signal))) throw new CertificateDenied(name)
  const lock = await locker.acquire(name, signal)
  try {
    // While this process waited for the lock, another one may have done the work.
    if (await hasCurrent(name, vault, issuer.id, now())) return
    const startedAtMs = performance.now()
    const publish = (phase: 'obtaining' | 'obtained' | 'failed', reason?: string): void => {
      const durationMs = performance.now() - startedAtMs
      edgeChannel('certificate').publish({ name, phase, issuer: issuer.id, durationMs, reason })
    }
    publish('obtaining')
    try {
      await vault.write(await order(name, issuer, signal, now))
      publish('obtained')
    } catch (error) {
      publish('failed', error instanceof Error ? error.message : codeOf(error))
      throw error
    }
  } finally {
    await lock.release()
  }
}

async function hasCurrent(name: string, vault: Vault, issuer: string, nowMs: number): Promise<boolean> {
  try {
    const stored = await vault.read(name)
    return stored !== undefined && !isDue(stored, nowMs) && !isOfFormerLocalIssuer(stored, issuer)
  } catch (error) {
    if (error instanceof CertificateInvalid) return false
    throw error
  }
}

/** A certificate for a key of its own. Nothing of the issuer's answer is believed unchecked. */
async function order(name: string, issuer: Issuer, signal: AbortSignal, now: () => number): Promise<StoredCertificate> {
  const privateKeyPem = await generateServerKey()
  const issued = await untilAborted(issuer.issue({ names: [name], privateKeyPem, signal }), signal)
  const chainPem = joinPem(issued.certificatePem, issued.chainPem)
  const certificate = certificateFromPem({ name, chainPem, privateKeyPem, issuer: issuer.id })
  verifyIssued(certificate, now())
  return certificate
}
