import { randomBytes } from 'node:crypto'
import type { RequestHead } from '../request.ts'
import type { Refused } from './receive.ts'

type Fields = Pick<RequestHead, 'method' | 'headers' | 'rawHeaders'>

/** Not part of an Extended CONNECT (RFC 8441 5, RFC 9110 9.3.6): one sent all the same must not reach the app. */
const NOT_SENT: ReadonlySet<string> = new Set(['sec-websocket-key', 'content-length'])

/**
 * Extended CONNECT (RFC 8441) as the `Upgrade` of HTTP/1.1 that it stands for: every later stage, and the app, sees that one.
 * Its key is ours (RFC 6455 4.1): the tunnel holds the app's answer against it.
 */
export function asUpgrade<Line extends Fields>(line: Line, protocol: string): Line | Refused {
  // RFC 9220 3, of a protocol that is not supported.
  if (protocol !== 'websocket') return { status: 501, reason: 'protocol not implemented' }
  const key = randomBytes(16).toString('base64')
  const rawHeaders = line.rawHeaders.filter((_, i) => !NOT_SENT.has(line.rawHeaders[i - (i % 2)] ?? ''))
  const { 'content-length': _, ...headers } = line.headers
  return {
    ...line,
    method: 'GET',
    headers: { ...headers, upgrade: protocol, 'sec-websocket-key': key },
    rawHeaders: [...rawHeaders, 'Sec-WebSocket-Key', key],
  }
}
