import { CertificateInvalid, StoreKeyUnknown } from '../errors.ts'
import { scheduledTimeMs, shareOf } from './renewal.ts'
import type { Schedule, Vault } from './contracts.ts'

export type ScanOptions = {
  readonly vault: Pick<Vault, 'names' | 'read'>
  readonly schedule: Schedule
  readonly now: () => number
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/** After so many names the store gets a rest. */
const NAMES_AT_ONCE = 50
const REST_MS = 100
/** What is overdue when it is found, after an import, is spread over a day, or over what is left of its life. */
const SPREAD_MS = 24 * 3600_000

/** Puts certificates that another program, or a process that was killed, wrote into the schedule. */
export async function scanVault(options: ScanOptions, signal: AbortSignal): Promise<void> {
  let seen = 0
  for await (const name of options.vault.names()) {
    signal.throwIfAborted()
    if ((await options.schedule.dueAtMs(name)) === undefined) await plan(name, options)
    seen += 1
    if (seen % NAMES_AT_ONCE === 0) await options.pause(REST_MS, signal)
  }
}

async function plan(name: string, { vault, schedule, now }: ScanOptions): Promise<void> {
  try {
    const certificate = await vault.read(name)
    if (certificate === undefined) return
    const leftMs = Math.max(0, certificate.notAfterMs - now())
    const overdueMs = now() + Math.min(SPREAD_MS, leftMs / 2) * shareOf(name)
    await schedule.set(name, Math.max(scheduledTimeMs(certificate), overdueMs))
  } catch (error) {
    // The visitor who comes has it obtained anew; one under a key that is not here, some other machine plans.
    if (!(error instanceof CertificateInvalid || error instanceof StoreKeyUnknown)) throw error
  }
}
