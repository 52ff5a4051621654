import type { FieldList } from '../representation.ts'
import { dateOf, readHead, type StoredHead } from './stored-head.ts'

/**
 * Did an app compose this answer, whatever its status says? Then it says how long it holds (RFC 9111 4.2.1), or when it was last changed
 * (RFC 9110 8.8.2). A program that breaks says neither: at most `no-store`, or a time that is over.
 */
export function isComposed({ fields, directives, isExplicit, lifetimeS, receivedMs }: StoredHead): boolean {
  if (directives.has('no-store')) return false
  return (isExplicit && lifetimeS > 0) || dateOf(fields, 'last-modified', receivedMs) !== undefined
}

/** The same of an answer that has just arrived. */
export function isComposedNow(status: number, fields: FieldList, nowMs: number): boolean {
  return isComposed(readHead({ status, fields, requestedMs: nowMs, receivedMs: nowMs }))
}
