import { closeSync, fstatSync, openSync } from 'node:fs'
import { lookAt } from '../../static/open.ts'
import type { FieldList } from '../representation.ts'
import { selectionOf } from '../rules/vary.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import { placesIn } from './places.ts'
import { readOpen } from './read.ts'
import { hasVariants, readSignpost } from './signpost.ts'

export type Inspected = {
  readonly found: { readonly stored: StoredAnswer; readonly size: number } | undefined
  /** There are variants of this key. */
  readonly hasOthers: boolean
}

/** Finds an answer as `DiskTier.find` does, and leaves everything as it is. Throws the system's errors. */
export function inspectAnswer(cacheDirectory: string, key: string, rawHeaders: FieldList): Inspected {
  const places = placesIn(cacheDirectory)
  const signpost = readSignpost(places.signpost(key))
  const plain = inspect(places.answer(key, ''))
  if (plain !== undefined || signpost === undefined) return { found: plain, hasOthers: hasVariants(signpost) }
  const variant = inspect(places.answer(key, selectionOf(signpost.vary, rawHeaders)))
  const isOld = variant !== undefined && variant.stored.head.requestedMs <= signpost.sinceMs
  return { found: isOld ? undefined : variant, hasOthers: hasVariants(signpost) }
}

/** @returns undefined for what is not there, torn or damaged: a miss. */
function inspect(path: string): Inspected['found'] {
  if (lookAt(path) === undefined) return undefined
  const descriptor = openSync(path, 'r')
  try {
    return readOpen(descriptor, fstatSync(descriptor).size, { maxMemoryBytes: 0, isChecked: false })
  } finally {
    closeSync(descriptor)
  }
}
