import { AcmeProblem, CertificateLimited } from '../errors.ts'
import { registeredDomain } from './names.ts'
import type { Budgets, Charge, Exhausted } from './contracts.ts'

type Limit = { readonly count: number; readonly windowMs: number }
export type OrderLimits = { readonly [kind in 'orders' | 'domain' | 'set' | 'failures']: Limit }

/** `renewal`: the same names had a certificate before. `replacement`: in the time that the CA suggested, and it is told which one (RFC 9773 5). */
export type OrderKind = 'first' | 'renewal' | 'replacement'

/** What a CA allows: asked before each order, told how it ended. */
export type OrderBudgets = {
  /** Rejects with EDGE_ERR_CERTIFICATE_LIMITED while one of the limits stands in the way. */
  take(name: string, kind: OrderKind): Promise<TakenBudget>
  /** What `take` would be stopped by, nothing taken. */
  look(name: string): Promise<Exhausted | undefined>
}
export type TakenBudget = { failed(error: unknown): Promise<void> }

/** Failed validations, which CAs count by host (RFC 8555 6.7). */
const VALIDATION = new Set(['unauthorized', 'dns', 'connection', 'tls', 'caa', 'incorrectResponse'])
/** After these nobody knows whether the certificate was issued all the same. */
const UNKNOWN_END = new Set(['timeout', 'unreachable', 'invalidAnswer'])
/** For a scope that is only ever shut. */
const NO_LIMIT = { limit: 1_000_000_000, windowMs: 60_000 }

/** @param account whose limits they are: the id of the issuer. */
export function createOrderBudgets(budgets: Budgets, limits: OrderLimits, account: string): OrderBudgets {
  const charge = (kind: keyof OrderLimits, of: string): Charge => {
    const { count, windowMs } = limits[kind]
    return { scope: `${kind}:${of}`, limit: count, windowMs }
  }
  const accountScope = `account:${account}`
  const gatesOf = (name: string): Charge[] => [{ scope: accountScope, ...NO_LIMIT }, charge('failures', name)]

  /**
   * https://letsencrypt.org/docs/rate-limits/: renewals in the time that the CA suggested, which say what they replace,
   * are exempt from all limits, others from those of orders and of the domain.
   */
  function chargesOf(name: string, kind: OrderKind): Charge[] {
    if (kind === 'replacement') return []
    const set = charge('set', name)
    return kind === 'renewal' ? [set] : [charge('orders', account), charge('domain', registeredDomain(name)), set]
  }

  async function failed(name: string, charges: readonly Charge[], error: unknown): Promise<void> {
    if (!(error instanceof AcmeProblem)) return
    const { kind, status, detail, retryAfterMs, subproblems = [] } = error.problem
    if (!UNKNOWN_END.has(kind)) {
      // The order was made, but no certificate.
      await budgets.giveBack(charges.filter(({ scope }) => !scope.startsWith('orders:')))
    }
    if ([kind, ...subproblems.map((part) => part.kind)].some((part) => VALIDATION.has(part))) {
      await budgets.take([charge('failures', name)])
    }
    if (retryAfterMs !== undefined && (kind === 'rateLimited' || status === 429 || status === 503)) {
      const scope = scopeOf(detail, name, account) ?? accountScope
      await budgets.shut(scope, Date.now() + retryAfterMs, detail.slice(0, 300))
    }
  }

  return {
    async take(name, kind) {
      const charges = chargesOf(name, kind)
      const exhausted = (await budgets.look(gatesOf(name))) ?? (await budgets.take(charges))
      if (exhausted !== undefined) throw new CertificateLimited(name, exhausted)
      return { failed: (error) => failed(name, charges, error) }
    },
    look: (name) => budgets.look([...gatesOf(name), ...chargesOf(name, 'first')]),
  }
}

/**
 * What a CA's limit is about. The problem document has no field for it; these are the words of Boulder, Let's Encrypt's
 * server (`ratelimits/limiter.go`). @returns undefined when in doubt.
 */
function scopeOf(detail: string, name: string, account: string): string | undefined {
  if (/too many certificates .*this exact set/i.test(detail)) return `set:${name}`
  if (/too many certificates .*already issued for/i.test(detail)) return `domain:${registeredDomain(name)}`
  if (/too many failed authorizations/i.test(detail)) return `failures:${name}`
  if (/too many new orders/i.test(detail)) return `orders:${account}`
  return undefined
}
