import { setTimeout as delay } from 'node:timers/promises'
import {
  CertificateAbsent,
  CertificateDenied,
  CertificateInvalid,
  CertificateNameInvalid,
  CertificatesReadOnly,
  StoreKeyUnknown,
} from '../errors.ts'
import { isVaultName } from './names.ts'
import { OWN_ISSUER } from './renewal.ts'
import { describeStatus } from './status.ts'
import type {
  CertificateOperations,
  CertificateStatus,
  CertificateStore,
  Failure,
  Issuer,
  Permission,
  RenewalStep,
  StoredCertificate,
} from './contracts.ts'
import type { Obtainer } from './obtain.ts'
import type { OrderBudgets } from './order-budgets.ts'
import type { Unwritten } from './unwritten.ts'

export type OperationsOptions = {
  readonly store: Pick<CertificateStore, 'vault' | 'locker' | 'failures' | 'schedule' | 'changes'>
  readonly permission: Permission
  /** Undefined with EDGE_ISSUER=none: then nothing is changed. */
  readonly issuing: OperationsIssuing | undefined
  /** See `StatusFacts`. */
  readonly caaIdentity?: string | undefined
  readonly now?: () => number
}
export type OperationsIssuing = {
  readonly issuer: Issuer
  readonly obtainer: Obtainer
  readonly budgets: OrderBudgets | undefined
  readonly unwritten: Unwritten
}

/** Names that a list reads at one time, and orders of `renewAll`. */
const READ_AT_ONCE = 32
const RENEW_AT_ONCE = 6
const PERMISSION_MS = 2_000
const LOCK_MS = 30_000
const REVOKE_MS = 60_000

/** What operators and the app ask of the manager. */
export function createCertificateOperations(options: OperationsOptions): CertificateOperations {
  const { store } = options

  function changing(name: string): OperationsIssuing {
    if (!isVaultName(name)) throw new CertificateNameInvalid(JSON.stringify(name.slice(0, 64)))
    if (options.issuing === undefined) throw new CertificatesReadOnly()
    return options.issuing
  }

  async function forget(name: string, { unwritten }: OperationsIssuing): Promise<void> {
    const lock = await store.locker.acquire(name, AbortSignal.timeout(LOCK_MS))
    try {
      await store.vault.remove(name)
      await Promise.all([store.schedule.remove(name), store.failures.remove(name), unwritten.remove(name)])
    } finally {
      await lock.release()
    }
    await store.changes.publish({ kind: 'certificate', name })
  }

  return {
    list: () => listAll(options),
    async show(name) {
      if (!isVaultName(name)) throw new CertificateNameInvalid(JSON.stringify(name.slice(0, 64)))
      const permitted = await options.permission.ask(name, AbortSignal.timeout(PERMISSION_MS)).catch(() => undefined)
      return statusOf(name, permitted, options)
    },
    async issue(name, { renew }) {
      await changing(name).obtainer.obtain(name, { lane: renew ? 'visitor' : 'ahead', renew, insist: renew })
      return statusOf(name, true, options)
    },
    renewAll({ issuer, perMinute }) {
      if (options.issuing === undefined) throw new CertificatesReadOnly()
      return renewAll(store, options.issuing.obtainer, issuer, perMinute)
    },
    async revoke(name, reason) {
      const issuing = changing(name)
      const certificate = await store.vault.read(name)
      if (certificate === undefined) throw new CertificateAbsent(name)
      await issuing.issuer.revoke?.(certificate, reason, AbortSignal.timeout(REVOKE_MS))
      await forget(name, issuing)
    },
    async remove(name) {
      await forget(name, changing(name))
    },
  }
}

/** Certificates, then the names that failed and have none. */
async function* listAll(options: OperationsOptions): AsyncGenerator<CertificateStatus> {
  const { vault, failures } = options.store
  const seen = new Set<string>()
  for await (const names of inGroups(vault.names())) {
    for (const name of names) seen.add(name)
    yield* await Promise.all(names.map((name) => statusOf(name, undefined, options)))
  }
  for await (const { name } of failures.list()) {
    if (!seen.has(name)) yield statusOf(name, undefined, options)
  }
}

async function* inGroups(names: AsyncIterable<string>): AsyncGenerator<string[]> {
  let group: string[] = []
  for await (const name of names) {
    group.push(name)
    if (group.length < READ_AT_ONCE) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

async function statusOf(
  name: string,
  permitted: boolean | undefined,
  { store, issuing, caaIdentity, now = Date.now }: OperationsOptions,
): Promise<CertificateStatus> {
  const [stored, failed, scheduledMs, limited] = await Promise.all([
    readUsable(store, name),
    store.failures.read(name),
    store.schedule.dueAtMs(name),
    issuing?.budgets?.look(name),
  ])
  const isObtaining = issuing?.obtainer.isObtaining(name) ?? false
  const nowMs = now()
  const [certificate, failure] = stored instanceof Error ? [undefined, unreadable(stored, nowMs)] : [stored, failed]
  return describeStatus({
    name,
    certificate,
    failure,
    scheduledMs,
    limited,
    permitted,
    isObtaining,
    caaIdentity,
    nowMs,
  })
}

async function readUsable(
  { vault }: Pick<CertificateStore, 'vault'>,
  name: string,
): Promise<StoredCertificate | Unreadable | undefined> {
  try {
    return await vault.read(name)
  } catch (error) {
    if (error instanceof CertificateInvalid) return undefined
    if (error instanceof StoreKeyUnknown) return error
    throw error
  }
}

type Unreadable = InstanceType<typeof StoreKeyUnknown>

/** What stands in the way of a name whose record is under a key that this machine has not: it hides no other name. */
function unreadable({ code, message }: Unreadable, nowMs: number): Failure {
  return { count: 1, atMs: nowMs, nextTryAtMs: nowMs, code, kind: undefined, detail: message }
}

/** Starts one order after the other at the pace that was asked for, while no more than a few are under way. */
async function* renewAll(
  store: Pick<CertificateStore, 'vault'>,
  obtainer: Obtainer,
  issuer: string | undefined,
  perMinute: number,
): AsyncGenerator<RenewalStep> {
  const names: string[] = []
  for await (const name of store.vault.names()) {
    const stored = await readUsable(store, name)
    const present = stored instanceof Error ? undefined : stored?.issuer
    // What an operator brought, no order replaces, unless it is asked for by name.
    if (present !== OWN_ISSUER && (issuer === undefined || present === issuer)) names.push(name)
  }
  const underway = new Map<string, Promise<Ended>>()
  let done = 0
  const next = async (): Promise<RenewalStep> => {
    const ended = await Promise.race(underway.values())
    underway.delete(ended.name)
    done += 1
    return { ...ended, done, total: names.length }
  }
  for (const name of names) {
    if (underway.size >= RENEW_AT_ONCE) yield next()
    underway.set(name, renewOne(name, obtainer))
    await delay(60_000 / perMinute)
  }
  while (underway.size > 0) yield next()
}

type Ended = Pick<RenewalStep, 'name' | 'outcome' | 'reason'>

async function renewOne(name: string, obtainer: Obtainer): Promise<Ended> {
  try {
    await obtainer.obtain(name, { lane: 'renewal', renew: true })
    return { name, outcome: 'renewed', reason: undefined }
  } catch (error) {
    const outcome = error instanceof CertificateDenied ? 'denied' : 'failed'
    return { name, outcome, reason: error instanceof Error ? error.message : String(error) }
  }
}
