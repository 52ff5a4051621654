import type { AdminCertificates, CertificateView } from './contracts.ts'

const STATES = ['active', 'expired', 'issuing', 'waiting', 'blocked', 'limited', 'denied', 'absent'] as const
/** What a CA says most, and what we say of it (RFC 8555 6.7). Anything else is `other`: labels are bounded. */
const KINDS = [
  'caa',
  'connection',
  'dns',
  'incorrectResponse',
  'invalidAnswer',
  'rateLimited',
  'rejectedIdentifier',
  'serverInternal',
  'timeout',
  'tls',
  'unauthorized',
  'unreachable',
  'other',
] as const

/** All certificates, counted. */
export type Census = {
  readonly states: Readonly<Record<string, number>>
  /** Names that failed and wait for their next try, by kind. */
  readonly failing: Readonly<Record<string, number>>
  /** End of the certificate that ends first, among those that have not; undefined without any. */
  readonly nextEndMs: number | undefined
}

export type CensusTaker = {
  /** What was counted last, and has it counted anew in the background once that is old. Undefined at first. */
  read(): Census | undefined
}

/** Every name of the store is looked at: not at every scrape. */
const AGE_MS = 5 * 60_000

export function createCensusTaker(list: AdminCertificates['list'], monotonic = () => performance.now()): CensusTaker {
  let last: Census | undefined
  let nextMs = -Infinity
  return {
    read() {
      if (monotonic() >= nextMs) {
        nextMs = monotonic() + AGE_MS
        takeCensus(list(), Date.now()).then(
          (census) => (last = census),
          // The store is away, which others say: the numbers of before stand until it is back.
          () => undefined,
        )
      }
      return last
    },
  }
}

export async function takeCensus(all: AsyncIterable<CertificateView>, nowMs: number): Promise<Census> {
  const states = new Map<string, number>(STATES.map((state) => [state, 0]))
  const failing = new Map<string, number>(KINDS.map((kind) => [kind, 0]))
  let nextEndMs: number | undefined
  for await (const { state, failure, notAfterMs } of all) {
    count(states, state)
    if (failure !== undefined) count(failing, failing.has(failure.kind ?? '') ? (failure.kind ?? '') : 'other')
    if (notAfterMs !== undefined && notAfterMs > nowMs) nextEndMs = Math.min(nextEndMs ?? notAfterMs, notAfterMs)
  }
  return { states: Object.fromEntries(states), failing: Object.fromEntries(failing), nextEndMs }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
