import { readFileSync } from 'node:fs'

/** Where the system does not say. */
const UNKNOWN = 10_240
const MAX_CONNECTIONS = 20_000
/** For what is no visitor's: the store, the log, listeners, the channel, certificates and pages that are being read. */
const RESERVED = 128

/** How many files and sockets this process may have open. Node raises its soft limit to the hard one as it starts. */
export function readDescriptorLimit(path = '/proc/self/limits'): number {
  try {
    const limit = /^Max open files +(\w+)/m.exec(readFileSync(path, 'utf8'))?.[1]
    return limit === 'unlimited' ? Infinity : Number(limit ?? UNKNOWN)
  } catch {
    return UNKNOWN
  }
}

/**
 * How many visitors' connections fit: each may need a second descriptor, for a file or for the upstream. Beyond them the edge
 * refuses, and so keeps what it needs to serve those that it has: out of descriptors, it could not even open a page.
 */
export function connectionLimit(descriptors: number): number {
  return Math.max(1, Math.min(MAX_CONNECTIONS, Math.floor((descriptors - RESERVED) / 2)))
}
