import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Coding } from '../static/coding.ts'
import type { FieldList } from './representation.ts'
import { parseCacheControl } from './rules/directives.ts'
import { linesOf } from './rules/fields.ts'

const toBrotli = promisify(brotliCompress)
const toGzip = promisify(gzip)

/** Below this, a head costs more than compression saves. */
const MIN_BYTES = 256
/** Brotli's last two levels cost a second for a megabyte: they are for what is smaller than this. */
const BEST_BYTES = 128 * 1024
const TEXTUAL =
  /^(?:text\/(?!event-stream)[\w.+-]+|application\/(?:javascript|json|manifest\+json|wasm|xml|[\w.-]+\+(?:json|xml))|image\/(?:svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)|font\/(?:otf|ttf|sfnt)|application\/(?:vnd\.ms-fontobject|x-javascript))\s*(?:;|$)/i

/** May copies in other codings stand for this answer: textual, not coded yet, nothing said about its bytes? */
export function isCompressible(status: number, fields: FieldList, size: number): boolean {
  if (status !== 200 || size < MIN_BYTES) return false
  const has = (name: string): boolean => linesOf(fields, name).length > 0
  if (has('content-encoding') || has('content-digest') || has('repr-digest') || has('digest') || has('content-md5'))
    return false
  // RFC 9111 5.2.2.6.
  if (parseCacheControl(linesOf(fields, 'cache-control')).has('no-transform')) return false
  return TEXTUAL.test(linesOf(fields, 'content-type')[0] ?? '')
}

/** @returns the copies that are smaller, in our order of preference. */
export async function compress(body: Buffer): Promise<ReadonlyMap<Coding, Buffer>> {
  const quality = body.length <= BEST_BYTES ? 11 : 9
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: body.length }
  const made: [Coding, Buffer][] = [
    ['br', await toBrotli(body, { params })],
    ['gzip', await toGzip(body, { level: 9 })],
  ]
  return new Map(made.filter(([, copy]) => copy.length < body.length))
}
