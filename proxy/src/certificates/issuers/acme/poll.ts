import { setTimeout as delay } from 'node:timers/promises'
import type { AcmeAnswer } from './session.ts'
import { invalidAnswer } from './transport.ts'

type Resource = Exclude<AcmeAnswer['body'], string>

/** Most validations take a second or two; the first looks come early for those that take none. */
const FIRST_MS = 25
const LONGEST_MS = 3_000

/** States of orders and challenges that pass by themselves (RFC 8555 7.1.6). */
const PASSING = new Set<unknown>(['pending', 'processing'])

/**
 * Looks until an order or a challenge is done, one way or another; a `Retry-After` is respected. The signal has the deadline
 * of the order.
 */
export async function pollUntilDone(look: () => Promise<AcmeAnswer>, signal: AbortSignal): Promise<Resource> {
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_MS)) {
    const { body, retryAfterMs = pauseMs } = await look()
    if (typeof body === 'string') throw invalidAnswer('a state was asked for, and a certificate came')
    if (!PASSING.has(body['status'])) return body
    await delay(retryAfterMs, undefined, { signal })
  }
}
