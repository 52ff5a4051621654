/** Frame types of RFC 9113 6. */
export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

export const FLAG = { NONE: 0, ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const

/** Identifiers of RFC 9113 6.5.2 and RFC 8441 3. */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
} as const

/** Error codes of RFC 9113 7, each at the place of its number. */
const ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
] as const
export type ErrorName = (typeof ERRORS)[number]

export function errorName(code: number): string {
  return ERRORS[code] ?? String(code)
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const HEADER_BYTES = 9

export type Frame = { type: number; flags: number; stream: number; payload: Buffer }
export type Field = readonly [name: string, value: string]

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4)
  return bytes
}

/** RFC 9113 4.1. Nothing is checked: most of what is made here is wrong on purpose. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header.writeUInt8(type, 3)
  header.writeUInt8(flags, 4)
  header.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([header, payload])
}

/** @returns the first whole frame and what is behind it; undefined when it is not all there. */
export function readFrame(bytes: Buffer): { frame: Frame; rest: Buffer } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const end = HEADER_BYTES + bytes.readUIntBE(0, 3)
  if (bytes.length < end) return undefined
  const read: Frame = {
    type: bytes.readUInt8(3),
    flags: bytes.readUInt8(4),
    stream: bytes.readUInt32BE(5) & 0x7fffffff,
    payload: bytes.subarray(HEADER_BYTES, end),
  }
  return { frame: read, rest: bytes.subarray(end) }
}

/** RFC 7541 6.2.2: literals without indexing, no Huffman code: any bytes can be said. */
export function hpack(fields: readonly Field[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1')
    return Buffer.concat([lengthPrefix(bytes.length), bytes])
  }
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** RFC 7541 5.1, behind a prefix of 7 bits. */
function lengthPrefix(length: number): Buffer {
  if (length < 127) return Buffer.from([length])
  const bytes = [127]
  let left = length - 127
  for (; left >= 128; left >>= 7) bytes.push((left & 127) | 128)
  return Buffer.from([...bytes, left])
}

/** Statuses of the static table (RFC 7541 A), indexes 8 to 14. */
const STATIC_STATUSES = [200, 204, 206, 304, 400, 404, 500]
/** Index 8, "name of an entry", in the three literal forms (RFC 7541 6.2). */
const STATUS_NAMES = new Set([0x48, 0x08, 0x18])

/** The status of an answer: always the first field of its header block. All else is left unread. */
export function statusOf(block: Buffer): number {
  // Updates of the dynamic table's size come first (RFC 7541 6.3).
  let at = 0
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += ((block[at] ?? 0) & 0x1f) === 0x1f ? 3 : 1
  const first = block[at] ?? 0
  if (first > 0x80) return STATIC_STATUSES[first - 0x88] ?? 0
  if (!STATUS_NAMES.has(first)) return 0
  const length = block[at + 1] ?? 0
  const value = block.subarray(at + 2, at + 2 + (length & 127))
  return Number(length & 128 ? huffmanDigits(value) : value.toString('latin1'))
}

/** RFC 7541 B, the digits only: 0 to 2 have five bits, 3 to 9 six. */
function huffmanDigits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  for (let at = 0; digits.length < 3;) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2)
    digits += short <= 2 ? short : Number.parseInt(bits.slice(at, at + 6), 2) - 0b011001 + 3
    at += short <= 2 ? 5 : 6
  }
  return digits
}
