import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { RequestHead } from '../request.ts'

/** Does Dropbox sign what comes on this path? */
export function isDropbox(path: string): boolean {
  return path.split('/').includes('dropbox')
}

/** Dropbox signs the raw body: HMAC-SHA256 in hexadecimal, in `X-Dropbox-Signature`. Takes a time that depends on neither value. */
export function isSigned(body: Buffer, { headers }: Pick<RequestHead, 'headers'>, secret: string): boolean {
  const signature = headers['x-dropbox-signature']
  if (typeof signature !== 'string') return false
  const expected = createHmac('sha256', secret).update(body).digest('hex')
  // Digests have one length.
  return timingSafeEqual(hash('sha256', signature.toLowerCase(), 'buffer'), hash('sha256', expected, 'buffer'))
}
