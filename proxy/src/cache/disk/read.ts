import { closeSync, fstatSync, futimesSync, openSync, readSync, rmSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { LRUCache } from 'lru-cache'
import { lookAt } from '../../static/open.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import { decodeFooter, decodeHead, FOOTER_BYTES } from './answer-file.ts'

/** An answer from a file: its body in memory, or the open file of which it is the beginning. Whoever holds a descriptor closes it. */
export type ReadAnswer = { readonly stored: StoredAnswer; readonly size: number } & (
  { readonly kind: 'memory'; readonly body: Buffer } | { readonly kind: 'open'; readonly descriptor: number }
)

/** What is used is touched, so that it stays; but not at each use. */
const TOUCH_MS = 3_600_000
const CHUNK_BYTES = 256 * 1024
const WHOLE_BYTES = CHUNK_BYTES

/** By path, what the file was when its checksum was found right. */
export type CheckedFiles = LRUCache<string, string>

export type ReadOptions = {
  /** A larger body stays in its file, once its checksum is found right. */
  readonly maxMemoryBytes: number
  /** Of those that stay: to read one whole for each byte of it that is asked for would cost milliseconds. */
  readonly checked: CheckedFiles
  readonly nowMs: number
}

/**
 * Reads an answer; synchronous, as `lookup` is. A file that is torn or damaged is removed.
 * @returns undefined if there is none. Throws the system's errors.
 */
export function readAnswer(path: string, { maxMemoryBytes, checked, nowMs }: ReadOptions): ReadAnswer | undefined {
  if (lookAt(path) === undefined) return undefined
  const descriptor = openSync(path, 'r')
  let read: ReadAnswer | undefined
  try {
    const { ino, size, mtimeMs } = fstatSync(descriptor)
    const identity = `${ino}-${size}-${mtimeMs}`
    read = readOpen(descriptor, size, { maxMemoryBytes, isChecked: checked.get(path) === identity })
    if (read?.kind === 'open') checked.set(path, identity)
    if (read !== undefined && nowMs - mtimeMs > TOUCH_MS) futimesSync(descriptor, nowMs / 1000, nowMs / 1000)
  } finally {
    if (read?.kind !== 'open') closeSync(descriptor)
  }
  if (read === undefined) rmSync(path, { force: true })
  return read
}

export type OpenOptions = Pick<ReadOptions, 'maxMemoryBytes'> & { readonly isChecked: boolean }

/** An open file of the tier, checked whole. @returns undefined for one that is torn or damaged. */
export function readOpen(
  descriptor: number,
  size: number,
  { maxMemoryBytes, isChecked }: OpenOptions,
): ReadAnswer | undefined {
  if (size < FOOTER_BYTES) return undefined
  if (size <= WHOLE_BYTES && size <= maxMemoryBytes) return parseWhole(readAt(descriptor, 0, size))
  const footer = decodeFooter(readAt(descriptor, size - FOOTER_BYTES, FOOTER_BYTES), size)
  if (footer === undefined) return undefined
  const { bodyBytes, headBytes, bodyChecksum } = footer
  const stored = decodeHead(readAt(descriptor, bodyBytes, headBytes), footer)
  if (stored === undefined) return undefined
  if (bodyBytes > maxMemoryBytes) {
    const isRight = isChecked || checksumOf(descriptor, bodyBytes) === bodyChecksum
    return isRight ? { kind: 'open', stored, size: bodyBytes, descriptor } : undefined
  }
  const body = readAt(descriptor, 0, bodyBytes)
  return crc32(body) === bodyChecksum ? { kind: 'memory', stored, size: bodyBytes, body } : undefined
}

/** Most files are small: one read for all of it. */
function parseWhole(file: Buffer): ReadAnswer | undefined {
  const footer = decodeFooter(file.subarray(-FOOTER_BYTES), file.length)
  if (footer === undefined) return undefined
  const { bodyBytes, headBytes, bodyChecksum } = footer
  const stored = decodeHead(file.subarray(bodyBytes, bodyBytes + headBytes), footer)
  const body = file.subarray(0, bodyBytes)
  const isRight = stored !== undefined && crc32(body) === bodyChecksum
  return isRight ? { kind: 'memory', stored, size: bodyBytes, body } : undefined
}

function checksumOf(descriptor: number, bytes: number): number {
  let checksum = 0
  for (let position = 0; position < bytes; position += CHUNK_BYTES) {
    checksum = crc32(readAt(descriptor, position, Math.min(CHUNK_BYTES, bytes - position)), checksum)
  }
  return checksum
}

/** Less than was asked for where the file ends. */
function readAt(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const read = readSync(descriptor, buffer, filled, length - filled, position + filled)
    if (read === 0) break
    filled += read
  }
  return buffer.subarray(0, filled)
}
