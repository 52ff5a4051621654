import { AcmeProblem } from '../errors.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

type Pace = { readonly firstMs: number; readonly mostMs: number }

const USUAL: Pace = { firstMs: MINUTE_MS, mostMs: 6 * HOUR_MS }
/** A customer who changes a record, and looks whether it helped, comes back soon. */
const SETTING: Pace = { firstMs: 2 * MINUTE_MS, mostMs: 6 * HOUR_MS }
/** The CA's own trouble passes, and says nothing about the name. */
const TROUBLE: Pace = { firstMs: MINUTE_MS, mostMs: 30 * MINUTE_MS }
/** Nothing but a change of mind, or of the configuration, helps. */
const REFUSAL: Pace = { firstMs: HOUR_MS, mostMs: 6 * HOUR_MS }

/** By the kind of an AcmeProblem (RFC 8555 6.7, and ours). */
const PACES = new Map<string, Pace>([
  ['dns', USUAL],
  ['connection', USUAL],
  ['tls', USUAL],
  ['caa', SETTING],
  ['unauthorized', SETTING],
  ['incorrectResponse', SETTING],
  ['serverInternal', TROUBLE],
  ['badNonce', TROUBLE],
  ['unreachable', TROUBLE],
  ['timeout', TROUBLE],
  ['invalidAnswer', TROUBLE],
  ['rateLimited', { firstMs: 10 * MINUTE_MS, mostMs: 6 * HOUR_MS }],
  ['rejectedIdentifier', REFUSAL],
  ['unsupportedIdentifier', REFUSAL],
  ['malformed', REFUSAL],
])

/**
 * How long a name is left alone after its `count`th failure in a row: twice as long each time, with up to a quarter added
 * by chance so that names that failed together are not tried together. Never less than the CA's own `Retry-After`.
 */
export function backOffMs(error: unknown, count: number): number {
  const problem = error instanceof AcmeProblem ? error.problem : undefined
  const { firstMs, mostMs } = PACES.get(problem?.kind ?? '') ?? USUAL
  const pauseMs = Math.min(mostMs, firstMs * 2 ** (count - 1)) * (1 + Math.random() / 4)
  return Math.max(pauseMs, problem?.retryAfterMs ?? 0)
}
