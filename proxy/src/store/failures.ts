import { parseObject } from './parse-object.ts'
import type { Failure, Failures } from '../certificates/contracts.ts'
import type { Records } from './records.ts'

const PREFIX = 'failure:'
/** Longer than any back-off: a name that nobody asked for since starts anew. */
const FORGET_MS = 14 * 24 * 3600_000
/** A CA's words, as far as anybody reads them. */
const MAX_DETAIL = 2_000

export function createFailures(records: Records): Failures {
  return {
    async read(name) {
      const text = await records.read(PREFIX + name)
      return text === undefined ? undefined : parseFailure(text)
    },
    write(name, failure) {
      const text = JSON.stringify({ ...failure, detail: failure.detail.slice(0, MAX_DETAIL) })
      return records.write(PREFIX + name, text, FORGET_MS)
    },
    remove: (name) => records.remove(PREFIX + name),
    async *list() {
      for await (const { key, text } of records.list(PREFIX)) {
        const failure = parseFailure(text)
        if (failure !== undefined) yield { name: key.slice(PREFIX.length), failure }
      }
    },
  }
}

/** @returns undefined for what is damaged: the name may be tried again. */
function parseFailure(text: string): Failure | undefined {
  const { count, atMs, nextTryAtMs, code, kind, detail } = parseObject(text) ?? {}
  if (typeof count !== 'number' || typeof atMs !== 'number' || typeof nextTryAtMs !== 'number') return undefined
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined
  return { count, atMs, nextTryAtMs, code, kind: typeof kind === 'string' ? kind : undefined, detail }
}
