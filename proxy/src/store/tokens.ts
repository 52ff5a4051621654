import type { ChallengeTokens } from '../certificates/contracts.ts'
import type { Records } from './records.ts'

/** RFC 8555 8.3: base64url. Anybody may ask for anything: what is no token is not looked for. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

export function createTokens(records: Records): ChallengeTokens {
  return {
    put: async (token, keyAuthorization, ttlMs) => records.write(keyOf(token), keyAuthorization, ttlMs),
    read: async (token) => (TOKEN.test(token) ? records.read(keyOf(token)) : undefined),
    remove: async (token) => records.remove(keyOf(token)),
  }
}

function keyOf(token: string): string {
  if (!TOKEN.test(token)) throw new TypeError('a challenge token is 1 to 128 characters of base64url')
  return `token:${token}`
}
