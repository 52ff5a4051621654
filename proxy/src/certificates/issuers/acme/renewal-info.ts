import { identifierOf } from '../../order.ts'
import { invalidAnswer } from './transport.ts'
import type { RenewalInfo } from '../../contracts.ts'
import type { AcmeSession } from './session.ts'

/** RFC 9773 4.3.2: what is asked again after, when the CA names no time; and bounds for what it names. */
const ASK_AGAIN_MS = 6 * 3600_000
const SOONEST_MS = 60_000
const LATEST_MS = 24 * 3600_000

/** @returns undefined when the CA does not say. Rejects with AcmeProblem. */
export async function askRenewalInfo(
  session: AcmeSession,
  chainPem: string,
  signal: AbortSignal,
): Promise<RenewalInfo | undefined> {
  const { renewalInfo } = await session.directory(signal)
  const identifier = renewalInfo === undefined ? undefined : await identifierOf(chainPem)
  if (renewalInfo === undefined || identifier === undefined) return undefined
  const { body, retryAfterMs = ASK_AGAIN_MS } = await session.get(`${renewalInfo}/${identifier}`, signal)
  if (typeof body === 'string') throw invalidAnswer('its renewal information is no JSON')
  const { suggestedWindow, explanationURL } = body as { suggestedWindow?: Window; explanationURL?: unknown }
  const [startMs, endMs] = [timeOf(suggestedWindow?.start), timeOf(suggestedWindow?.end)]
  // RFC 9773 4.2: a window that ends before it begins counts as no answer.
  if (Number.isNaN(startMs) || !(endMs > startMs)) throw invalidAnswer('its renewal information has no window')
  return {
    startMs,
    endMs,
    explanationUrl: typeof explanationURL === 'string' ? explanationURL.slice(0, 1_000) : undefined,
    retryAfterMs: Math.min(Math.max(retryAfterMs, SOONEST_MS), LATEST_MS),
  }
}

type Window = { readonly start?: unknown; readonly end?: unknown }

/** RFC 3339. @returns ms since the epoch, or NaN. */
function timeOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}
