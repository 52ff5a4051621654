import * as v from 'valibot'
import type { Purge } from '../purge.ts'
import { quote, type Wrong } from './purge-names.ts'
import { EXPECTED, readPurge } from './purge-request.ts'

const NAMES = v.exactOptional(v.array(v.string()))
/** The body of `POST /purge`. */
const BODY = v.strictObject({
  hosts: NAMES,
  urls: NAMES,
  prefixes: NAMES,
  tags: NAMES,
  everything: v.exactOptional(v.literal(true)),
  soft: v.exactOptional(v.boolean()),
})

/** @param body parsed JSON. */
export function parsePurgeBody(body: unknown): Purge | Wrong {
  // To the library, an array is an object like others.
  const read = v.safeParse(BODY, Array.isArray(body) ? null : body)
  if (read.success) return readPurge(read.output)
  const [fault] = read.issues
  const place = fault.path?.map(({ key }) => String(key)).join('.')
  const what = place === undefined ? 'the body' : quote(place)
  const isUnknown = fault.type === 'strict_object' && fault.expected === 'never'
  const problem = isUnknown ? 'is unknown' : `must be ${fault.expected?.toLowerCase()}`
  return { error: `${what} ${problem}: expected ${EXPECTED}` }
}
