import { crc32 } from 'node:zlib'
import { isTexts, parseObject } from './parse.ts'
import { readHead } from '../rules/stored-head.ts'
import type { StoredAnswer } from '../stored-answer.ts'

/**
 * The form of a file of the disk tier: the body, so that a span of the body is a span of the file; the head as JSON; and a footer of fixed
 * length, which is the last to be written: magic, length of the head (4 bytes), length of the body (8), CRC-32 of the head and
 * of the body (4 each). A file without a right footer is torn.
 */
const MAGIC = Buffer.from('blotedg1')
export const FOOTER_BYTES = MAGIC.length + 4 + 8 + 4 + 4
/** A head has a tenth of that. */
const MAX_HEAD_BYTES = 256 * 1024

export type Footer = {
  readonly headBytes: number
  readonly bodyBytes: number
  readonly headChecksum: number
  readonly bodyChecksum: number
}

/** What follows the body. */
export function encodeTail(stored: StoredAnswer, body: Buffer): Buffer {
  const { key, names, vary, selection, head, since, isStale } = stored
  const { status, fields, requestedMs, receivedMs, untilPurged } = head
  const { tags } = names
  const about = { key, tags, vary, selection, status, fields, requestedMs, receivedMs, untilPurged, since, isStale }
  const text = Buffer.from(JSON.stringify(about))
  const footer = Buffer.alloc(FOOTER_BYTES)
  MAGIC.copy(footer)
  let position = footer.writeUInt32BE(text.length, MAGIC.length)
  position = footer.writeBigUInt64BE(BigInt(body.length), position)
  position = footer.writeUInt32BE(crc32(text), position)
  footer.writeUInt32BE(crc32(body), position)
  return Buffer.concat([text, footer])
}

/** @param size of the whole file. @returns undefined for what is no footer of such a file. */
export function decodeFooter(footer: Buffer, size: number): Footer | undefined {
  if (footer.length !== FOOTER_BYTES || !footer.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const headBytes = footer.readUInt32BE(8)
  const bodyBytes = Number(footer.readBigUInt64BE(12))
  if (headBytes > MAX_HEAD_BYTES || headBytes + bodyBytes + FOOTER_BYTES !== size) return undefined
  return { headBytes, bodyBytes, headChecksum: footer.readUInt32BE(20), bodyChecksum: footer.readUInt32BE(24) }
}

/** @returns undefined for a head that is not whole, or not of this version. */
export function decodeHead(text: Buffer, { headChecksum }: Footer): StoredAnswer | undefined {
  if (crc32(text) !== headChecksum) return undefined
  const about = parseObject(text.toString())
  if (about === undefined) return undefined
  const { key, tags, vary, selection, status, fields, requestedMs, receivedMs, since, isStale, untilPurged } = about
  if (typeof key !== 'string' || typeof selection !== 'string' || !isTexts(fields) || !isTexts(tags) || !isTexts(vary))
    return undefined
  if (typeof status !== 'number' || typeof requestedMs !== 'number' || typeof receivedMs !== 'number') return undefined
  if (typeof since !== 'number') return undefined
  return {
    key,
    names: { host: hostOf(key), url: key, tags },
    vary,
    selection,
    head: readHead({ status, fields, requestedMs, receivedMs }, { untilPurged: untilPurged === true }),
    since,
    isStale: isStale === true,
  }
}

/** Of a key, `scheme://host/target`. */
function hostOf(key: string): string {
  return key.split('/', 3)[2] ?? ''
}
