import { CertificateDenied, CertificateInvalid, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { untilAborted, withDeadline } from './deadline.ts'
import { createFailureMemory } from './failures.ts'
import { placeOrder } from './order.ts'
import { createOrderQueue } from './queue.ts'
import { firstLookMs, isDue, isExpiring, isOfFormerLocalIssuer } from './renewal.ts'
import { createSingleflight } from './singleflight.ts'
import type { CertificateStore, Issuer, Lock, Permission, StoredCertificate } from './contracts.ts'
import type { OrderBudgets } from './order-budgets.ts'
import type { Lane, QueueLimits } from './queue.ts'
import type { Unwritten } from './unwritten.ts'

export type ObtainerOptions = {
  readonly store: Pick<CertificateStore, 'vault' | 'locker' | 'failures' | 'schedule' | 'changes'>
  readonly issuer: Issuer
  readonly permission: Permission
  /** Undefined for a CA of our own. */
  readonly budgets?: OrderBudgets | undefined
  readonly unwritten: Unwritten
  /** For one certificate, from its place in the queue to the vault. */
  readonly deadlineMs?: number
  readonly queue?: Partial<QueueLimits>
  readonly now?: () => number
}

export type ObtainWish = {
  /** A visitor's unless told. */
  readonly lane?: Lane
  /** Also when the one that is there is not due. */
  readonly renew?: boolean
  /** Also when it failed lately: somebody mended what was wrong. */
  readonly insist?: boolean
}

/** Puts certificates into the vault: the one place from which an issuer is called. */
export type Obtainer = {
  /**
   * Resolves once the vault holds a certificate for this checked name that is not due for renewal. An abort ends the
   * caller's wait; the order goes on for the next handshake. Rejects with EDGE_ERR_CERTIFICATE_DENIED, _BACK_OFF (it failed
   * lately), _LIMITED (the CA's limits), _BUSY or _INVALID, with EDGE_ERR_STORE_UNAVAILABLE, or with the issuer's error.
   */
  obtain(name: string, wish?: ObtainWish, signal?: AbortSignal): Promise<void>
  isObtaining(name: string): boolean
  /** Another process changed something about this name. */
  forget(name: string): void
  /** Resolves when none is under way. */
  settled(): Promise<void>
  /** Ends the orders under way, and waits until they have let go of their locks. */
  close(): Promise<void>
}

const QUEUE: QueueLimits = { places: 8, perLane: 1_000, perDomain: 250 }

export function createObtainer(options: ObtainerOptions): Obtainer {
  const { store, deadlineMs = 90_000, now = Date.now } = options
  const flights = createSingleflight<void>()
  const failures = createFailureMemory(store.failures, now)
  const queue = createOrderQueue({ ...QUEUE, ...options.queue })
  const closing = new AbortController()
  /** Of the names under way, those that a visitor waits for. */
  const awaited = new Set<string>()

  async function work(name: string, { lane = 'visitor', renew = false, insist = false }: ObtainWish): Promise<void> {
    if (!insist) await failures.check(name)
    const before = renew ? await readUsable(store.vault, name) : undefined
    const leave = await queue.take(name, lane === 'ahead' && awaited.has(name) ? 'visitor' : lane, closing.signal)
    try {
      await withDeadline(
        deadlineMs,
        (signal) => obtainLocked(name, { ...options, now }, before, signal),
        closing.signal,
      )
      await failures.clear(name)
    } catch (error) {
      if (!closing.signal.aborted) await failures.add(name, error)
      throw error
    } finally {
      leave()
    }
  }

  /** Whoever was to have a certificate ahead of his visitors has one now. */
  function hurry(name: string): void {
    awaited.add(name)
    queue.hurry(name)
  }

  return {
    async obtain(name, wish = {}, signal) {
      closing.signal.throwIfAborted()
      const key = keyOf(name, wish.renew)
      if (wish.lane !== 'ahead' && flights.has(key)) hurry(name)
      const flight = flights.run(key, () => work(name, wish).finally(() => awaited.delete(name)))
      return signal === undefined ? flight : untilAborted(flight, signal)
    },
    isObtaining: (name) => flights.has(keyOf(name, false)) || flights.has(keyOf(name, true)),
    forget: (name) => failures.forget(name),
    settled: () => flights.settled(),
    async close() {
      closing.abort(new DOMException('the manager closes', 'AbortError'))
      await flights.settled()
    },
  }
}

/** Who wants a new one does not join those who are content with the old one. */
function keyOf(name: string, renew: boolean | undefined): string {
  return renew === true ? `renew:${name}` : name
}

type Work = ObtainerOptions & { readonly now: () => number }

/** @param before the certificate that is to be renewed, whether it is due or not. */
async function obtainLocked(
  name: string,
  work: Work,
  before: StoredCertificate | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { store, permission, unwritten } = work
  if (!(await permission.ask(name, signal))) throw new CertificateDenied(name)
  const lock = await store.locker.acquire(name, signal)
  try {
    // While this process waited for the lock, another one may have done the work.
    const stored = await readUsable(store.vault, name)
    const kept = await unwritten.read(name)
    if (kept !== undefined && kept.notBeforeMs > (stored?.notBeforeMs ?? 0)) return await write(kept, lock, work)
    if (kept !== undefined) await unwritten.remove(name)
    const isRenewed = before !== undefined && stored !== undefined && stored.chainPem !== before.chainPem
    if (isRenewed || (before === undefined && (await isCurrent(stored, work)))) return
    const held = AbortSignal.any([signal, lock.lost])
    await announced(name, work.issuer.id, async () => write(await placeOrder(name, stored, work, held), lock, work))
  } finally {
    await lock.release()
  }
}

/** An order that succeeded is never lost: what the vault does not take is kept by this machine. */
async function write(
  certificate: StoredCertificate,
  lock: Lock,
  { store, unwritten, issuer, now }: Work,
): Promise<void> {
  const { name } = certificate
  try {
    await store.vault.write(certificate, lock.fence)
  } catch (error) {
    await unwritten.keep(certificate)
    throw error
  }
  await unwritten.remove(name)
  // The certificate is there. A schedule that misses it is mended from the vault; who did not hear of it, looks.
  await Promise.allSettled([
    store.schedule.set(name, firstLookMs(certificate, issuer, now())),
    store.changes.publish({ kind: 'certificate', name }),
  ])
}

async function announced(name: string, issuer: string, order: () => Promise<void>): Promise<void> {
  const startedAtMs = performance.now()
  const publish = (phase: 'obtaining' | 'obtained' | 'failed', reason?: string): void => {
    const durationMs = performance.now() - startedAtMs
    edgeChannel('certificate').publish({ name, phase, issuer, durationMs, reason })
  }
  publish('obtaining')
  try {
    await order()
    publish('obtained')
  } catch (error) {
    publish('failed', error instanceof Error ? error.message : codeOf(error))
    throw error
  }
}

/**
 * Need nothing be ordered? One past its two thirds may wait for the moment that the schedule has for it, which the CA may have
 * chosen (RFC 9773); not beyond the last tenth of its life.
 */
async function isCurrent(stored: StoredCertificate | undefined, { store, issuer, now }: Work): Promise<boolean> {
  if (stored === undefined || isOfFormerLocalIssuer(stored, issuer.id)) return false
  if (!isDue(stored, now())) return true
  const dueAtMs = isExpiring(stored, now()) ? undefined : await store.schedule.dueAtMs(stored.name)
  return dueAtMs !== undefined && dueAtMs > now()
}

/** @returns undefined for one that cannot be used, as for none. */
async function readUsable(vault: CertificateStore['vault'], name: string): Promise<StoredCertificate | undefined> {
  try {
    return await vault.read(name)
  } catch (error) {
    if (error instanceof CertificateInvalid) return undefined
    throw error
  }
}
