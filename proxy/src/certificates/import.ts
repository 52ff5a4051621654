import { CertificateInvalid } from '../errors.ts'
import { isVaultName } from './names.ts'
import { isExpired, scheduledTimeMs, shareOf } from './renewal.ts'
import { certificateFromPem, parseChain, verifyIssued } from './verify.ts'
import type { CertificateStore, StoredCertificate } from './contracts.ts'

export { OWN_ISSUER } from './renewal.ts'

/** A certificate that comes from elsewhere. */
export type CertificateImport = {
  /** Leaf first. */
  readonly chainPem: string
  readonly privateKeyPem: string
  /** The names to serve it for; unless told, all that it covers without a wildcard. */
  readonly names?: readonly string[] | undefined
  /** `own` for one that an operator brings; undefined for what another program obtained, and the edge renews. */
  readonly issuer?: string | undefined
}

export type ImportOutcome = {
  readonly name: string
  /** `same`: this very one is there. `kept`: one that lasts as long or longer is there. `skipped`: it cannot be used. */
  readonly outcome: 'taken' | 'same' | 'kept' | 'skipped'
  readonly reason: string | undefined
  readonly notAfterMs: number | undefined
}

export type ImportOptions = {
  /** Tells what would be done. */
  readonly isTrial: boolean
  readonly signal: AbortSignal
  readonly now?: () => number
}

type ImportStore = Pick<CertificateStore, 'vault' | 'locker' | 'schedule' | 'changes'>

/** What is due when it arrives is spread over a day, or over half of what is left of its life. */
const SPREAD_MS = 24 * 3600_000

/** Rejects with EDGE_ERR_STORE_UNAVAILABLE only: what is wrong with the certificate is in the outcome. */
export async function importCertificate(
  store: ImportStore,
  offered: CertificateImport,
  options: ImportOptions,
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  try {
    const names = offered.names ?? namesOf(offered.chainPem)
    if (names.length === 0) throw new CertificateInvalid('a name', 'it covers none without a wildcard: give the names')
    for (const name of names) outcomes.push(await importFor(name, store, offered, options))
  } catch (error) {
    if (!(error instanceof CertificateInvalid)) throw error
    outcomes.push({ name: '', outcome: 'skipped', reason: error.message, notAfterMs: undefined })
  }
  return outcomes
}

async function importFor(
  name: string,
  store: ImportStore,
  offered: CertificateImport,
  options: ImportOptions,
): Promise<ImportOutcome> {
  const { isTrial, signal, now = Date.now } = options
  try {
    const certificate = check(name, offered, now())
    const { notAfterMs } = certificate
    const lock = isTrial ? undefined : await store.locker.acquire(name, signal)
    try {
      const present = await readUsable(store, name)
      const obstacle = present && compare(present, certificate)
      if (obstacle !== undefined) return { name, outcome: obstacle, reason: undefined, notAfterMs }
      if (lock !== undefined) await keep(store, certificate, lock.fence, now())
      return { name, outcome: 'taken', reason: undefined, notAfterMs }
    } finally {
      await lock?.release()
    }
  } catch (error) {
    if (!(error instanceof CertificateInvalid)) throw error
    return { name, outcome: 'skipped', reason: error.message, notAfterMs: undefined }
  }
}

/** Its end is that of the leaf, whatever stood beside it. Throws EDGE_ERR_CERTIFICATE_INVALID. */
function check(name: string, { chainPem, privateKeyPem, issuer }: CertificateImport, nowMs: number): StoredCertificate {
  const certificate = certificateFromPem({ name, chainPem, privateKeyPem, issuer })
  if (isExpired(certificate, nowMs)) {
    throw new CertificateInvalid(name, `it expired on ${new Date(certificate.notAfterMs).toISOString()}`)
  }
  verifyIssued(certificate, nowMs)
  return certificate
}

/** An operator's own replaces what the edge obtained; else the one that lasts longer stays. */
function compare(present: StoredCertificate, offered: StoredCertificate): 'same' | 'kept' | undefined {
  const [before] = parseChain(present.name, present.chainPem)
  const [after] = parseChain(offered.name, offered.chainPem)
  if (before.fingerprint256 === after.fingerprint256 && present.issuer === offered.issuer) return 'same'
  if (offered.issuer !== undefined && present.issuer !== offered.issuer) return undefined
  return present.notAfterMs >= offered.notAfterMs ? 'kept' : undefined
}

async function readUsable({ vault }: ImportStore, name: string): Promise<StoredCertificate | undefined> {
  try {
    return await vault.read(name)
  } catch (error) {
    if (error instanceof CertificateInvalid) return undefined
    throw error
  }
}

async function keep(
  store: ImportStore,
  certificate: StoredCertificate,
  fence: number | undefined,
  nowMs: number,
): Promise<void> {
  const { name } = certificate
  await store.vault.write(certificate, fence)
  const soonestMs = nowMs + Math.min(SPREAD_MS, (certificate.notAfterMs - nowMs) / 2) * shareOf(name)
  await store.schedule.set(name, Math.max(scheduledTimeMs(certificate), soonestMs))
  await store.changes.publish({ kind: 'certificate', name })
}

/** The subject alternative names that a vault takes, without wildcards: those are served by configuration. */
function namesOf(chainPem: string): string[] {
  const [leaf] = parseChain('a name', chainPem)
  const found = (leaf.subjectAltName ?? '').split(', ').flatMap((entry) => /^DNS:(.+)$/.exec(entry)?.[1] ?? [])
  return found.map((name) => name.toLowerCase()).filter((name) => !name.startsWith('*.') && isVaultName(name))
}
