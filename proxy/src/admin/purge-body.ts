import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Purge } from '../purge.ts'
import { quote, type Wrong } from './purge-names.ts'
import { EXPECTED, readPurge } from './purge-request.ts'

const NAMES = Type.Optional(Type.Array(Type.String()))
/** The body of `POST /purge`. */
const BODY = Type.Object(
  {
    hosts: NAMES,
    urls: NAMES,
    prefixes: NAMES,
    tags: NAMES,
    everything: Type.Optional(Type.Literal(true)),
    soft: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
/** @param body parsed JSON. */
export function parsePurgeBody(body: unknown): Purge | Wrong {
  if (Value.Check(BODY, body)) return readPurge(body)
  const [fault] = Value.Errors(BODY, body)
  const place = fault?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  const what = place === '' ? 'the body' : quote(place)
  const isUnknown = fault?.keyword === 'boolean'
  return { error: `${what} ${isUnknown ? 'is unknown' : fault?.message}: expected ${EXPECTED}` }
}
