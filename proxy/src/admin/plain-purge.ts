import type { RequestHead } from '../request.ts'
import { hostOf, isCrossSite, isLoopbackHost } from './origin.ts'
import { isToken, PURGE_TOKEN_HEADER } from './token.ts'

const FORWARDING = new Set(['forwarded', 'via', 'x-real-ip', 'client-ip', 'true-client-ip', 'cf-connecting-ip'])

export type PlainPurgeOptions = {
  readonly purgeToken?: string | undefined
  /** Loopback is a trusted proxy: everyone's requests come from there. */
  readonly loopbackTrusted: boolean
}

/**
 * May a request for `/purge` on the plain listener purge? Only a program on this machine that asks for this machine:
 * no proxy in between, and no page in a browser that runs here.
 */
export function mayPurgePlain({ headers, host, connection }: RequestHead, options: PlainPurgeOptions): boolean {
  if (options.loopbackTrusted || connection.trusted) return false
  if (connection.scheme !== 'http' || !connection.loopback || !isLoopbackHost(hostOf(host))) return false
  if (Object.keys(headers).some((name) => FORWARDING.has(name) || name.startsWith('x-forwarded'))) return false
  if (isCrossSite(headers)) return false
  return options.purgeToken === undefined || isToken(headers[PURGE_TOKEN_HEADER], options.purgeToken)
}
