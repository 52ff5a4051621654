import type { HostIndex } from '../hosts.ts'

/** Whether a certificate may be had for a name: one that leads to a site of ours. */
export function isPermitted(hosts: HostIndex, name: string): boolean {
  const { kind } = hosts.find(name)
  return kind !== 'unknown' && kind !== 'loopback'
}
