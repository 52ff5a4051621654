import { codeOf, UpstreamRefused, UpstreamTimeout, UpstreamUnavailable } from '../errors.ts'

/**
 * What a try came to. `taken`: delivered. `refused`: the app was there, and said no. `later`: it said that it has no time (503, 429).
 * `unseen`: nobody has seen the webhook. `broken`: the connection ended with the webhook on it, of which that may be the fault.
 * `unclear`: no answer in time, or that of something in between (502, 504): whose fault that is, a look at the app tells.
 */
export type Verdict = 'taken' | 'refused' | 'later' | 'unseen' | 'broken' | 'unclear'

export function judgeStatus(status: number): Verdict {
  if (status >= 200 && status < 300) return 'taken'
  if (status === 503 || status === 429) return 'later'
  return status === 502 || status === 504 ? 'unclear' : 'refused'
}

/** @returns undefined for an error that is none of the app's. */
export function judgeError(error: unknown): Verdict | undefined {
  if (error instanceof UpstreamRefused) return 'unseen'
  if (error instanceof UpstreamUnavailable) return 'broken'
  return error instanceof UpstreamTimeout ? 'unclear' : undefined
}

/** What is written down, and shown: a status or a code, and nothing of what the app said. */
export function describe(outcome: number | Error): string {
  return typeof outcome === 'number' ? `status ${outcome}` : codeOf(outcome)
}
