import { randomBytes } from 'node:crypto'

/** Ids of requests, 32 hex digits: random for the process, then a count. */
export function createRequestIds(): () => string {
  const prefix = randomBytes(8).toString('hex')
  let count = 0
  return () => prefix + (++count).toString(16).padStart(16, '0')
}
