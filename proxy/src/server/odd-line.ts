import { METHODS } from 'node:http'

/** Where method and target of a request are read: Node's request, or the line that Node's parser would not take. */
export type RequestLine = { readonly method?: string | undefined; readonly url?: string | undefined }

/** A request line that RFC 9112 3 allows and Node's parser refuses. */
export type OddLine = {
  readonly method: string
  /** The target, a character for each byte. */
  readonly url: string
  /** What takes the place of the line's bytes, up to `length`: to the parser the same, but for its method and target. */
  readonly substitute: string
  readonly length: number
}

/** What the parser takes of a head. */
export const HEAD_BYTES = 32 * 1024

/** What Node's parser says of bytes that it refuses. */
export type ParserFault = Error & { readonly code?: string; readonly rawPacket?: Buffer; readonly bytesParsed?: number }

/** Single spaces, and a target of visible ASCII and obs-text. */
const LINE = /^([^ ]{1,64}) ([!-~\x80-\xff]+) (HTTP\/1\.[01])\r\n/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/
const OBS_TEXT = /[\x80-\xff]/
const KNOWN: ReadonlySet<string> = new Set(METHODS)

/**
 * Is this fault about nothing but the line of a request, and does its packet begin with that line? When bytes came before,
 * the parser may have kept some of them as the beginning of a method, and only the place of the fault can tell: at the first
 * odd byte of the target it is when the whole line was in the packet, or only the end of a method that ends like another.
 * @param isFirst nothing came before the packet.
 */
export function readOddLine(fault: ParserFault, isFirst: boolean): OddLine | undefined {
  const match = LINE.exec(fault.rawPacket?.toString('latin1', 0, HEAD_BYTES) ?? '')
  if (match === null) return undefined
  const [line, method = '', url = '', version = ''] = match
  const isKnown = KNOWN.has(method)
  const odd = OBS_TEXT.exec(line)?.index
  if (!isMethod(method) || method === 'CONNECT' || (isKnown && odd === undefined)) return undefined
  const isAtTarget = fault.code === 'HPE_INVALID_URL' && fault.bytesParsed === odd
  if (!isFirst && !(isKnown && isAtTarget && !isEndOfAnother(method))) return undefined
  // As long as the true target, for the limit on heads. The parser lets nothing follow a request that closes.
  const substitute = `${isKnown ? method : 'POST'} ${'/'.padEnd(url.length, '.')} ${version}\r\nConnection: close\r\n`
  return { method, url, substitute, length: line.length }
}

/** The parser would take these for the rest of another method, after a packet that ended in `UN` or the like. */
function isEndOfAnother(method: string): boolean {
  return METHODS.some((known) => known !== method && known.endsWith(method))
}

/**
 * May a request have this method? Any token of RFC 9110 9.1, at most 64 bytes long; but none that many an app takes for another
 * which has rules of its own here (`get`), and not HTTP/2's own (RFC 9113 11.6).
 */
export function isMethod(method: string): boolean {
  return KNOWN.has(method) || (TOKEN.test(method) && !KNOWN.has(method.toUpperCase()) && method !== 'PRI')
}
