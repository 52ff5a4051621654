import { createHmac, hash, timingSafeEqual } from 'node:crypto'

/** Whether two secrets are equal, in a time that tells nothing about either. */
export function isEqualSecret(given: string, expected: string): boolean {
  // Hashes have one length, whatever the inputs have.
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', expected, 'buffer'))
}

/** Dropbox signs the raw body: HMAC-SHA256 in hexadecimal. */
export function isSignedByDropbox(body: Buffer, signature: unknown, secret: string): boolean {
  if (typeof signature !== 'string') return false
  return isEqualSecret(signature.toLowerCase(), createHmac('sha256', secret).update(body).digest('hex'))
}
