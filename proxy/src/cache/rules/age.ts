/** What the age of an answer is reckoned from. */
export type AgeFacts = {
  readonly dateMs: number | undefined
  readonly ageS: number
  readonly requestedMs: number
  readonly receivedMs: number
}

const MAX_AGE_S = 2 ** 31

/** `Age` (RFC 9111 5.1): of several members the first counts; what is no delta-seconds is ignored. @returns seconds. */
export function readAge(lines: readonly string[]): number {
  const first = lines[0]?.split(',', 1)[0]?.trim() ?? ''
  return /^\d+$/.test(first) ? Math.min(Number(first), MAX_AGE_S) : 0
}

/**
 * How long ago the app made or confirmed this answer (RFC 9111 4.2.3).
 * @returns seconds, with a fraction; never negative, whatever the clocks say.
 */
export function ageAt({ dateMs, ageS, requestedMs, receivedMs }: AgeFacts, nowMs: number): number {
  const apparent = Math.max(0, receivedMs - (dateMs ?? receivedMs)) / 1000
  const corrected = ageS + Math.max(0, receivedMs - requestedMs) / 1000
  const resident = Math.max(0, nowMs - receivedMs) / 1000
  return Math.max(apparent, corrected) + resident
}
