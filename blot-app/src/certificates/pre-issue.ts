import { request } from 'undici'
import { eachAtMost } from '../files.ts'
import type { HostIndex } from '../hosts.ts'
import type { Log } from '../log.ts'

export interface PreIssuerOptions {
  /** Address of the edge's admin API, without a closing slash. */
  readonly admin: string
  readonly token: string | undefined
  readonly log: Log
}

export type PreIssue = (names: readonly string[]) => Promise<void>

const limitMs = 5000
const callsAtOnce = 4

/**
 * Has the edge obtain certificates for names that have just been connected, so that their first visitor does not wait. Never
 * rejects: a certificate that nobody ordered is obtained when somebody comes.
 */
export function createPreIssuer({ admin, token, log }: PreIssuerOptions): PreIssue {
  async function preIssue(domain: string): Promise<void> {
    try {
      const { statusCode, body } = await request(`${admin}/certificates`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ domain }),
        signal: AbortSignal.timeout(limitMs),
      })
      await body.dump()
      if (statusCode >= 300) throw new Error(`it answered ${statusCode}`)
      log.info({ domain }, 'certificate asked for')
    } catch (error) {
      log.warn({ domain, reason: error instanceof Error ? error.message : String(error) }, 'certificate not asked for')
    }
  }
  return (names) => eachAtMost(callsAtOnce, names, preIssue)
}

/** The custom domains that are there after a change and were not before. */
export function newDomains(before: HostIndex, after: HostIndex): string[] {
  const known = new Set(before.names.flatMap(({ domains }) => domains))
  return after.names.flatMap(({ domains }) => domains).filter((domain) => !known.has(domain))
}
