import { isIP } from 'node:net'

/** An IP address as it stands before a port (RFC 3986 3.2.2). */
export function bracket(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address
}
