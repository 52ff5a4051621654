import type { Exchange } from '../request.ts'
import { ageAt } from './rules/age.ts'
import type { StoredHead } from './rules/stored-head.ts'

/**
 * What `Cache-Status` says (RFC 9211 2), without the name of the cache.
 */

/** Why the app is asked (RFC 9211 2.2). */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale'

/** Longer keys are left out. */
const MAX_KEY = 256

/** @param key under which nothing was found that could be used; left out where a string cannot hold it (RFC 9651 3.3.3). */
export function statusOfForward(forward: Forward, key?: string): string {
  const isShown = key !== undefined && key.length <= MAX_KEY && /^[ !#-[\]-~]*$/.test(key)
  return `fwd=${forward}${isShown ? `; key="${key}"` : ''}`
}

/** @param detail as in the table of rules: a word or two. */
export function withDetail(status: string, detail: string): string {
  return `${status}; detail=${detail.replaceAll(' ', '-')}`
}

/** Seconds of its lifetime that are left; negative when it is stale. */
export function timeLeft(stored: StoredHead, nowMs: number): number {
  return Math.floor(stored.lifetimeS) - Math.floor(ageAt(stored, nowMs))
}

/**
 * An answer from what is stored. `ttl` is negative for how long it has been stale; what is stale before its time is so from now on.
 * @param ttlS seconds that are left of its lifetime.
 */
export function statusOfStored({ cache, cacheStatus }: Pick<Exchange, 'cache' | 'cacheStatus'>, ttlS: number): string {
  if (cacheStatus !== undefined) return `${cacheStatus}; ttl=${ttlS}`
  if (cache === 'HIT') return `hit; ttl=${ttlS}`
  return `hit; ttl=${Math.min(0, ttlS)}; detail=${cache === 'UPDATING' ? 'updating' : 'stale'}`
}
