import type { IncomingHttpHeaders } from 'node:http'
import { readAsker, type Asker } from '../../../src/cache/rules/request-rules.ts'
import { readHead, type HeadOptions, type StoredHead } from '../../../src/cache/rules/stored-head.ts'

/** Whole seconds, so that HTTP-dates are exact. */
export const NOW_MS = Date.UTC(2026, 10, 8, 12, 0, 0)
const SECOND_MS = 1000

export function date(secondsFromNow: number): string {
  return new Date(NOW_MS + secondsFromNow * SECOND_MS).toUTCString()
}

export type Fields = Record<string, string | readonly string[]>

/** An answer that arrives now, at once after its request, dated now unless it says otherwise. */
export function answer(fields: Fields, status = 200, options: HeadOptions = {}): StoredHead {
  const all: Fields = { Date: date(0), ...fields }
  const flat = Object.entries(all).flatMap(([name, value]) => [value].flat().flatMap((line) => [name, line]))
  return readHead({ status, fields: flat, requestedMs: NOW_MS, receivedMs: NOW_MS }, options)
}

export function request(headers: IncomingHttpHeaders = {}): Asker {
  return readAsker(headers)
}

export function later(seconds: number): number {
  return NOW_MS + seconds * SECOND_MS
}
