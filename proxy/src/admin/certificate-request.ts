import { collect } from '../collect.ts'
import type { CertificateImport, CertificateView } from './contracts.ts'

/** A request, checked; or what is wrong with it. */
export type Parsed<Value> = { readonly value: Value } | { readonly error: string }

const STATES = ['active', 'expired', 'issuing', 'waiting', 'blocked', 'limited', 'denied', 'absent'] as const

export type ListQuery = {
  readonly states: readonly string[]
  /** Part of a name. */
  readonly search: string
  /** The page begins behind this name. */
  readonly after: string
  readonly limit: number
}

const LIMIT = 100
const MAX_LIMIT = 1000
const MAX_PER_MINUTE = 600
/** RFC 5280 5.3.1, those that RFC 8555 lets an account ask for. */
const REASONS = [0, 1, 3, 4, 5]

export function parseList(query: unknown): Parsed<ListQuery> {
  const { state = '', search = '', after = '', limit = String(LIMIT), ...others } = fieldsOf(query)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return { error: `unknown parameter ${JSON.stringify(unknown.slice(0, 40))}` }
  if (![state, search, after, limit].every((value) => typeof value === 'string')) return { error: 'give each once' }
  const states = String(state).split(',').filter(Boolean)
  const wrong = states.find((one) => !STATES.some((known) => known === one))
  if (wrong !== undefined) return { error: `state is one or more of ${STATES.join(',')}` }
  const count = Number(limit)
  if (!Number.isInteger(count) || count < 1 || count > MAX_LIMIT) return { error: `limit is from 1 to ${MAX_LIMIT}` }
  return { value: { states, search: String(search).toLowerCase(), after: String(after), limit: count } }
}

export async function* select(
  all: AsyncIterable<CertificateView>,
  { states, search }: ListQuery,
): AsyncGenerator<CertificateView> {
  for await (const status of all) {
    const isWanted = states.length === 0 || states.includes(status.state)
    if (isWanted && status.name.includes(search)) yield status
  }
}

/** `next` is what `after` has to be for the page behind this one. */
export async function pageOf(
  found: AsyncIterable<CertificateView>,
  { after, limit }: ListQuery,
): Promise<{ certificates: readonly CertificateView[]; total: number; next: string | undefined }> {
  const all = (await collect(found)).toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const rest = all.filter(({ name }) => name > after)
  const certificates = rest.slice(0, limit)
  return { certificates, total: all.length, next: rest.length > limit ? certificates.at(-1)?.name : undefined }
}

export function parseIssue(body: unknown): Parsed<{ domain: string; renew: boolean }> {
  const { domain, renew = false } = fieldsOf(body)
  if (typeof domain !== 'string' || typeof renew !== 'boolean') return { error: 'expected {"domain": "example.com"}' }
  return { value: { domain, renew } }
}

export function parseRenewals(body: unknown): Parsed<{ issuer?: string; perMinute: number }> {
  const { issuer, perMinute } = fieldsOf(body)
  const isPace = typeof perMinute === 'number' && perMinute > 0 && perMinute <= MAX_PER_MINUTE
  if (!isPace) return { error: `expected {"perMinute": 10}, up to ${MAX_PER_MINUTE}` }
  if (issuer === undefined) return { value: { perMinute } }
  return typeof issuer === 'string' ? { value: { issuer, perMinute } } : { error: 'issuer is the id of one' }
}

export function parseRevocation(body: unknown): Parsed<number> {
  const { reason = 0 } = fieldsOf(body)
  if (typeof reason !== 'number' || !REASONS.includes(reason))
    return { error: `reason is one of ${REASONS.join(', ')}` }
  return { value: reason }
}

export function parseImport(body: unknown): Parsed<{ offered: CertificateImport; isTrial: boolean }> {
  const { chainPem, privateKeyPem, names, issuer, trial = false } = fieldsOf(body)
  const expected = 'expected {"chainPem": "…", "privateKeyPem": "…", "names": ["example.com"]}'
  if (typeof chainPem !== 'string' || typeof privateKeyPem !== 'string') return { error: expected }
  if (names !== undefined && !isTexts(names)) return { error: expected }
  if (issuer !== undefined && typeof issuer !== 'string') return { error: expected }
  if (typeof trial !== 'boolean') return { error: expected }
  return { value: { offered: { chainPem, privateKeyPem, names, issuer }, isTrial: trial } }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
