import { hash, timingSafeEqual } from 'node:crypto'

export const PURGE_TOKEN_HEADER = 'x-blot-purge-token'

/** Compares in a time that depends on neither value: digests have one length. */
export function isToken(presented: string | readonly string[] | undefined, expected: string): boolean {
  if (typeof presented !== 'string') return false
  return timingSafeEqual(hash('sha256', presented, 'buffer'), hash('sha256', expected, 'buffer'))
}

/** The token of `Authorization: Bearer <token>` (RFC 6750 2.1). */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
}
