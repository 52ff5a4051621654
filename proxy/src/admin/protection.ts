import type { FastifyReply, FastifyRequest } from 'fastify'
import { AdminCrossSite, AdminHostRefused, AdminTokenInsufficient, AdminUnauthorized } from '../errors.ts'
import type { AdminOptions } from './contracts.ts'
import { hostOf, isCrossSite, isLoopbackHost } from './origin.ts'
import { bearerOf, isToken, PURGE_TOKEN_HEADER } from './token.ts'

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

export async function setSecurityHeaders(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers(SECURITY_HEADERS)
}

/**
 * A browser on this machine can be made to believe that another name is 127.0.0.1 (DNS rebinding); it then sends that
 * name as `Host`. Only loopback names and the address of the listener itself are ours. A Unix socket has no address, and no
 * browser.
 */
export async function refuseForeignHost({ headers, socket }: FastifyRequest): Promise<void> {
  if (socket.localAddress === undefined) return
  const host = hostOf(headers.host ?? '')
  if (!isLoopbackHost(host) && host !== socket.localAddress.replace(/^::ffff:/, '')) throw new AdminHostRefused()
}

/** Another site's page may make a browser send a POST; `GET /purge` refuses it as well. */
export async function refuseCrossSite({ method, headers }: FastifyRequest): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD' && isCrossSite(headers)) throw new AdminCrossSite()
}

type Tokens = Pick<AdminOptions, 'token' | 'purgeToken'>
type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** For all but purges: the admin token when one is set. */
export function demandToken({ token }: Tokens): Hook {
  return async ({ headers }, reply) => {
    if (token === undefined || isToken(bearerOf(headers.authorization), token)) return
    if (headers.authorization === undefined && headers[PURGE_TOKEN_HEADER] !== undefined) {
      throw new AdminTokenInsufficient()
    }
    reply.header('www-authenticate', 'Bearer realm="blot-edge"')
    throw new AdminUnauthorized('Authorization: Bearer')
  }
}

/** For purges: either token opens them; one is demanded as soon as one is set. */
export function demandPurgeToken({ token, purgeToken }: Tokens): Hook {
  const open = token === undefined && purgeToken === undefined
  return async ({ headers }, reply) => {
    if (open) return
    if (token !== undefined && isToken(bearerOf(headers.authorization), token)) return
    if (purgeToken !== undefined && isToken(headers[PURGE_TOKEN_HEADER], purgeToken)) return
    if (token !== undefined) reply.header('www-authenticate', 'Bearer realm="blot-edge"')
    throw new AdminUnauthorized(purgeToken === undefined ? 'Authorization: Bearer' : 'X-Blot-Purge-Token')
  }
}
