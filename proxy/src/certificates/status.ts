import { registeredDomain } from './names.ts'
import { isDue, isExpired, scheduledTimeMs } from './renewal.ts'
import { parseChain } from './verify.ts'
import type { CertificateStatus, Exhausted, Failure, StoredCertificate } from './contracts.ts'

/** What is known of a name, gathered from the store. */
export type StatusFacts = {
  readonly name: string
  readonly certificate: StoredCertificate | undefined
  readonly failure: Failure | undefined
  /** Undefined when nobody was asked, or nobody could say. */
  readonly permitted: boolean | undefined
  readonly isObtaining: boolean
  /** The limit of the CA that stands in the way of an order. */
  readonly limited: Exhausted | undefined
  readonly scheduledMs: number | undefined
  /** What a CAA record has to name (RFC 8659 4.2): `letsencrypt.org`. */
  readonly caaIdentity: string | undefined
  readonly nowMs: number
}

type State = Pick<CertificateStatus, 'state' | 'words'>

/** What an operator reads, and a customer's support can forward. Pure. */
export function describeStatus(facts: StatusFacts): CertificateStatus {
  const { name, certificate, failure } = facts
  return { name, ...stateOf(facts), ...describeCertificate(certificate, facts.scheduledMs), failure }
}

function stateOf(facts: StatusFacts): State {
  const { certificate, name, permitted } = facts
  if (permitted === false) {
    return { state: 'denied', words: `denied: ${name} is not connected to a site here; connect it in the app first` }
  }
  if (certificate === undefined) return withoutCertificate(facts)
  if (isExpired(certificate, facts.nowMs)) {
    return { state: 'expired', words: `expired on ${day(certificate.notAfterMs)}${renewalTrouble(facts)}` }
  }
  const trouble = isDue(certificate, facts.nowMs) ? renewalTrouble(facts) : ''
  return { state: 'active', words: `active until ${day(certificate.notAfterMs)}${trouble}` }
}

function renewalTrouble(facts: StatusFacts): string {
  if (facts.isObtaining) return '; it is being renewed'
  const { state, words } = withoutCertificate(facts)
  return state === 'absent' ? '; its renewal is due' : `; its renewal is held up: ${words}`
}

function withoutCertificate(facts: StatusFacts): State {
  const { failure, limited, isObtaining, nowMs } = facts
  if (isObtaining) return { state: 'issuing', words: 'issuing: a certificate is being obtained' }
  if (failure !== undefined) return failureState(failure, facts)
  if (limited !== undefined && limited.untilMs > nowMs) return limitedState(limited.untilMs, limited.reason)
  return { state: 'absent', words: 'no certificate yet: the first visit has one obtained' }
}

function failureState(failure: Failure, facts: StatusFacts): State {
  const { kind, detail, nextTryAtMs, code } = failure
  if (kind === 'rateLimited') return limitedState(nextTryAtMs, detail)
  const said = detail === '' ? '' : ` (${JSON.stringify(detail)})`
  const again = nextTryAtMs > facts.nowMs ? `next try at ${moment(nextTryAtMs)}` : 'the next visit tries again'
  const { state, what, advice } = explainFailure(kind, code, facts)
  return { state, words: [`${what}${said}`, advice, again].filter(Boolean).join('; ') }
}

type Explained = { readonly state: State['state']; readonly what: string; readonly advice?: string }

/** By the kinds of RFC 8555 6.7. */
function explainFailure(kind: string | undefined, code: string, facts: StatusFacts): Explained {
  const { name } = facts
  const advice = 'point its A, AAAA or CNAME record to this server'
  if (kind === 'dns') return { state: 'waiting', what: `waiting for DNS: the CA finds no address of ${name}`, advice }
  if (kind === 'connection' || kind === 'tls') {
    return { state: 'waiting', what: `waiting for DNS: the CA does not reach ${name} on port 80`, advice }
  }
  if (kind === 'unauthorized' || kind === 'incorrectResponse') {
    return { state: 'waiting', what: `waiting for DNS: another server answers for ${name}`, advice }
  }
  if (kind === 'caa') return { state: 'blocked', what: `blocked by CAA: ${caaAdvice(facts)}` }
  if (kind === 'rejectedIdentifier' || kind === 'unsupportedIdentifier') {
    return { state: 'blocked', what: `blocked by the CA: it issues nothing for ${name}` }
  }
  if (code === 'EDGE_ERR_STORE_KEY_UNKNOWN') {
    return { state: 'blocked', what: 'blocked: its record in the store is encrypted under another key' }
  }
  return { state: 'waiting', what: `waiting for the CA: ${kind ?? code}` }
}

function limitedState(untilMs: number, reason: string): State {
  return { state: 'limited', words: `rate limited until ${moment(untilMs)}: ${reason}; nothing has to be changed` }
}

function caaAdvice({ name, caaIdentity }: StatusFacts): string {
  const domain = registeredDomain(name)
  const issue = name.startsWith('*.') ? 'issuewild' : 'issue'
  if (caaIdentity === undefined) return `let the CAA records of ${domain} name this CA too`
  return `add the record ${domain}. CAA 0 ${issue} "${caaIdentity}"`
}

type Described = Omit<CertificateStatus, 'name' | 'state' | 'words' | 'failure'>

function describeCertificate(certificate: StoredCertificate | undefined, scheduledMs: number | undefined): Described {
  if (certificate === undefined) {
    const nothing = undefined
    return {
      issuer: nothing,
      serial: nothing,
      names: [],
      keyType: nothing,
      notBeforeMs: nothing,
      notAfterMs: nothing,
      renewAtMs: nothing,
    }
  }
  const { issuer, notBeforeMs, notAfterMs } = certificate
  const [leaf] = parseChain(certificate.name, certificate.chainPem)
  const names = [...(leaf.subjectAltName ?? '').matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name = '']) => name)
  // The schedule may look at a certificate earlier, to ask the CA (RFC 9773).
  const renewAtMs = Math.max(scheduledTimeMs(certificate), scheduledMs ?? 0)
  return { issuer, serial: leaf.serialNumber, names, keyType: keyTypeOf(leaf), notBeforeMs, notAfterMs, renewAtMs }
}

function keyTypeOf({ publicKey }: ReturnType<typeof parseChain>[0]): string {
  const { namedCurve, modulusLength } = publicKey.asymmetricKeyDetails ?? {}
  if (publicKey.asymmetricKeyType === 'rsa') return `RSA-${modulusLength}`
  return namedCurve === 'prime256v1' ? 'P-256' : (namedCurve ?? publicKey.asymmetricKeyType ?? 'unknown')
}

/** `2027-02-21`. */
function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** `2027-02-21 14:05 UTC`. */
function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
