import { BlockList, isIP } from 'node:net'

/** Can this address be reached from this machine only? (RFC 1122 3.2.1.3, RFC 4291 2.5.3; IPv4-mapped too.) */
export function isLoopback(address: string): boolean {
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  return loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
