import type { FieldList } from '../representation.ts'
import { linesOf, splitList, unquote } from './fields.ts'
import { parseDictionary } from './structured.ts'

/**
 * Cache directives by name in lower case: the argument, or `true` without one. Of `Cache-Control` the quotes are taken off; in a
 * targeted field they tell a type (RFC 9213 2.1).
 */
export type Directives = ReadonlyMap<string, string | true>

/** A delta-seconds value larger than this counts as this (RFC 9111 1.2.2). */
const MAX_DELTA_S = 2 ** 31

/**
 * Parses `Cache-Control` (RFC 9111 5.2). The first of several directives of one name counts (4.2.1); but `no-cache` and `private`
 * name fields, and are taken together: without a name, they mean the whole.
 */
export function parseCacheControl(lines: readonly string[]): Directives {
  const directives = new Map<string, string | true>()
  for (const item of lines.flatMap(splitList)) {
    const equals = item.indexOf('=')
    const name = (equals === -1 ? item : item.slice(0, equals)).trim().toLowerCase()
    const argument = equals === -1 ? true : unquote(item.slice(equals + 1))
    // RFC 9111 5.2 allows no space at the `=`: with one, a number is none, while what forbids still forbids.
    const malformed = equals !== -1 && item[equals - 1] === ' ' ? '' : argument
    const known = directives.get(name)
    if (known === undefined) directives.set(name, malformed)
    else if (name === 'no-cache' || name === 'private') directives.set(name, together(known, malformed))
  }
  return directives
}

/**
 * What rules an answer for this cache: `CDN-Cache-Control` if it is there, well-formed and not empty, and then nothing else, neither
 * `Cache-Control` nor `Expires` (RFC 9213 2.1, 2.2).
 */
export function directivesOf(fields: FieldList): { directives: Directives; isTargeted: boolean } {
  const targeted = linesOf(fields, 'cdn-cache-control')
  if (targeted.length > 0) {
    const parsed = parseDictionary(targeted.join(', '))
    if (parsed !== undefined && parsed.size > 0) return { directives: parsed, isTargeted: true }
  }
  return { directives: parseCacheControl(linesOf(fields, 'cache-control')), isTargeted: false }
}

/** @returns undefined without the directive, NaN for an argument that is no delta-seconds (RFC 9111 1.2.2). */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name)
  if (argument === undefined) return undefined
  return argument !== true && /^\d+$/.test(argument) ? Math.min(Number(argument), MAX_DELTA_S) : Number.NaN
}

/** Is the directive there, and means the whole answer rather than some of its fields (RFC 9111 5.2.2.4, 5.2.2.7)? */
export function isUnqualified(directives: Directives, name: 'no-cache' | 'private'): boolean {
  const argument = directives.get(name)
  return argument !== undefined && (argument === true || fieldNames(argument).length === 0)
}

/** The fields that `no-cache` and `private` name: no part of what is stored. In lower case. */
export function namedFields(directives: Directives): ReadonlySet<string> {
  const names = new Set<string>()
  for (const directive of ['no-cache', 'private']) {
    const argument = directives.get(directive)
    if (typeof argument === 'string') for (const name of fieldNames(argument)) names.add(name)
  }
  return names
}

function fieldNames(argument: string): string[] {
  return unquote(argument)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function together(left: string | true, right: string | true): string | true {
  return left === true || right === true ? true : `${left},${right}`
}
