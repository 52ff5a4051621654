import type { IncomingHttpHeaders } from 'node:http'

/** A request without anything that needs care: whole, without a body, without a word about the connection. */
export type PlainHead = {
  readonly method: 'GET' | 'HEAD'
  /** In origin form (RFC 9112 3.2.1). */
  readonly url: string
  readonly httpVersion: '1.1'
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  /** Bytes, with the empty line. */
  readonly length: number
}

/** Longer ones are judged by node:http, as everything else that is not plain. */
const MAX_BYTES = 8192
const MAX_LINES = 64

const REQUEST_LINE = /(GET|HEAD) (\/[!"$-~]*) HTTP\/1\.1\r\n/y
/**
 * RFC 9112 5: no folding, no space before the colon, nothing but visible ASCII and spaces; the names that browsers and tools use. Runs of spaces
 * meet no second run that could share them: a stranger would have them tried in every way.
 */
const FIELD_LINE = /([A-Za-z0-9-]+): *(?:([!-~](?:[ -~]*[!-~])?) *)?\r\n/y

/** Fields that are about the connection or a body (RFC 9110 7.6.1, 8.6, 10.1.1), and the one that node:http makes a list of. */
const NEEDS_CARE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const KEEP_ALIVE = /^keep-alive$/i

/**
 * Reads the head at `offset`. What it reads, it reads as node:http does (RFC 9112 2 to 5).
 * @returns undefined for anything that is not plain, or not whole yet.
 */
export function readPlainHead(chunk: Buffer, offset: number): PlainHead | undefined {
  const end = chunk.indexOf('\r\n\r\n', offset, 'latin1')
  if (end === -1 || end - offset > MAX_BYTES) return undefined
  const text = chunk.toString('latin1', offset, end + 2)
  REQUEST_LINE.lastIndex = 0
  const line = REQUEST_LINE.exec(text)
  if (line === null) return undefined
  const rawHeaders: string[] = []
  const headers: IncomingHttpHeaders = {}
  let at = REQUEST_LINE.lastIndex
  while (at < text.length) {
    FIELD_LINE.lastIndex = at
    const field = FIELD_LINE.exec(text)
    if (field === null || rawHeaders.length === 2 * MAX_LINES) return undefined
    at = FIELD_LINE.lastIndex
    const [, name = '', value = ''] = field
    const key = name.toLowerCase()
    if (headers[key] !== undefined) return undefined
    if (NEEDS_CARE.has(key) && !(key === 'connection' && KEEP_ALIVE.test(value))) return undefined
    headers[key] = value
    rawHeaders.push(name, value)
  }
  const [, method, url = ''] = line
  return {
    method: method as PlainHead['method'],
    url,
    httpVersion: '1.1',
    headers,
    rawHeaders,
    length: end + 4 - offset,
  }
}
