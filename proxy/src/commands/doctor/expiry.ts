import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { CertificateStatus } from '../../certificates/contracts.ts'
import { fail, ok, quote, warn, type Diagnosis } from './diagnosis.ts'
import type { Machine } from './machine.ts'

/** Renewal is due at two thirds of a lifetime: with less than this left, it has been failing for long. */
const LAST_SHARE = 0.1
/** Names that are shown; the rest is counted. */
const MOST_SHOWN = 10

/** @param list all certificates of the store; undefined for `dev`. Rejects when they cannot be listed. */
export async function examineExpiry(
  machine: Machine,
  list: (() => Promise<readonly CertificateStatus[]>) | undefined,
): Promise<Diagnosis[]> {
  const found = [await wildcard(machine), ...(list === undefined ? [NOT_LISTED] : await examineStored(machine, list))]
  return found.filter((diagnosis) => diagnosis !== undefined)
}

const NOT_LISTED = ok('certificates', 'are not looked at for dev: "blot-edge certificates list" asks it')

async function examineStored(
  machine: Machine,
  list: () => Promise<readonly CertificateStatus[]>,
): Promise<(Diagnosis | undefined)[]> {
  try {
    const all = await list()
    return [...judgeCertificates(all, Date.now()), judgeHandles(machine, all)]
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return [warn('certificates', `cannot be listed: ${said}`, { why: 'those that end soon are not seen' })]
  }
}

/** Pure. */
export function judgeCertificates(all: readonly CertificateStatus[], nowMs: number): Diagnosis[] {
  const kept = all.filter(({ notAfterMs, state }) => notAfterMs !== undefined && state !== 'denied')
  const expired = kept.filter(({ notAfterMs = 0 }) => notAfterMs <= nowMs)
  const ending = kept.filter((one) => isEnding(one, nowMs))
  if (expired.length + ending.length === 0) return [ok('certificates', `${kept.length}, none about to end`)]
  const mend = (name: string): string => `blot-edge certificates show ${name}; blot-edge certificates renew ${name}`
  return [
    ...limited(expired, ({ name, words }) =>
      fail(`certificate of ${name}`, words, { why: 'its visitors are warned off', mend: mend(name) }),
    ),
    ...limited(ending, ({ name, words }) =>
      warn(`certificate of ${name}`, words, { why: 'its renewal has been failing for long', mend: mend(name) }),
    ),
  ]
}

/** Handles share one certificate, or run into the limits of the CA. */
function judgeHandles({ config }: Machine, all: readonly CertificateStatus[]): Diagnosis | undefined {
  const { host, issuer, dnsModule } = config
  if (host === undefined || issuer !== 'acme' || config.wildcard !== undefined) return undefined
  const name = `*.${host}`
  const state = all.find((one) => one.name === name)?.state
  if (state === 'active') return ok(`certificate of ${name}`, 'is there')
  if (dnsModule !== undefined) {
    return warn(`certificate of ${name}`, state === undefined ? 'is not there yet' : `is ${state}`, {
      why: 'until it is, each handle gets one of its own, of which a CA gives few a week',
      mend: `blot-edge certificates issue '${name}'`,
    })
  }
  return warn(`certificate of ${name}`, 'is not provided for: each handle gets one of its own', {
    why: `Let's Encrypt gives 50 a week for all names below ${host}: with more new handles than that, some have none`,
    mend: 'EDGE_DNS_MODULE, or EDGE_WILDCARD_CERTIFICATE with EDGE_WILDCARD_KEY (docs/certificates.md)',
  })
}

function isEnding({ notBeforeMs = 0, notAfterMs = 0 }: CertificateStatus, nowMs: number): boolean {
  return notAfterMs > nowMs && notAfterMs - nowMs < (notAfterMs - notBeforeMs) * LAST_SHARE
}

function limited(some: readonly CertificateStatus[], show: (one: CertificateStatus) => Diagnosis): Diagnosis[] {
  const shown = some.slice(0, MOST_SHOWN).map(show)
  const more = some.length - shown.length
  const first = shown[0]
  if (more === 0 || first === undefined) return shown
  return [
    ...shown,
    { state: first.state, subject: 'certificates', message: `${more} more of the same: blot-edge certificates list` },
  ]
}

/** Nobody renews a certificate that lies in a file. */
async function wildcard({ config }: Machine): Promise<Diagnosis | undefined> {
  const file = config.wildcard?.certificateFile
  // That it cannot be read is a fault of the configuration.
  const pem = file === undefined ? undefined : await readFile(file).catch(() => undefined)
  if (file === undefined || pem === undefined) return undefined
  const { validFromDate, validToDate } = new X509Certificate(pem)
  const status = { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() } as CertificateStatus
  const until = `until ${validToDate.toISOString().slice(0, 10)}`
  const mend = `get a new one, and name it in EDGE_WILDCARD_CERTIFICATE; or let the edge: EDGE_DNS_MODULE (now: openssl x509 -enddate -noout -in ${quote(file)})`
  const why = `it is the certificate of all of *.${config.host}, and nobody renews a file`
  if (status.notAfterMs !== undefined && status.notAfterMs <= Date.now())
    return fail(file, `was valid ${until}`, { why, mend })
  return isEnding(status, Date.now()) ? warn(file, `is valid ${until}`, { why, mend }) : ok(file, `is valid ${until}`)
}
