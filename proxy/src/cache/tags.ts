import { linesOf, splitList } from './rules/fields.ts'
import type { FieldList } from './representation.ts'

const MAX_TAGS = 128
const MAX_TAG_LENGTH = 256

/**
 * The tags by which the app may purge an answer: `Cache-Tag`, separated by commas; `Surrogate-Key`, by spaces.
 * @returns undefined when there are more, or longer ones, than are kept: then it could not be purged as the app expects.
 */
export function tagsOf(fields: FieldList): readonly string[] | undefined {
  const tags = new Set([
    ...linesOf(fields, 'cache-tag').flatMap(splitList),
    ...linesOf(fields, 'surrogate-key').flatMap((line) => line.split(/\s+/).filter((tag) => tag !== '')),
  ])
  const isTooMuch = tags.size > MAX_TAGS || [...tags].some((tag) => tag.length > MAX_TAG_LENGTH)
  return isTooMuch ? undefined : [...tags]
}
