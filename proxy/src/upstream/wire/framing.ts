import { AnswerInvalid } from '../../errors.ts'

/** How an answer's body ends, and whether its connection may be used again (RFC 9112 6.3 and 9.3). */
export type Framing = {
  readonly body: 'none' | 'sized' | 'chunked' | 'until-close'
  /** Bytes of a sized body. */
  readonly length: number
  /** For how long the connection may be idle afterwards, in ms; 0: it ends with this answer. */
  readonly idleMs: number
}

/** What the usual app allows is 5 s (Node's default): we must be the first to let go. */
const IDLE_MS = 4000
const MAX_IDLE_MS = 60_000
/** How much earlier than the app we let go: its clock began before the answer came here. */
const MARGIN_MS = 1000

const LENGTH = /^\d{1,15}$/
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i
const TIMEOUT = /(?:^|[,;\s])timeout=(\d{1,6})(?:$|[,;\s])/i

/** The fields that frame a message. */
type FramingFields = {
  length: string | undefined
  coding: string | undefined
  connection: string
  keepAlive: string
}

/** Besides `chunked`: what would have to be decoded (RFC 9112 7.2, and the codings of content by whose names it goes). */
const CODINGS: ReadonlySet<string> = new Set(['br', 'compress', 'deflate', 'gzip', 'x-compress', 'x-gzip', 'zstd'])
const NAME = /^[!#$%&'*+.^_`|~\da-z-]+$/

/**
 * Throws AnswerInvalid where two readers might come to different ends: several lengths, a length beside a coding, any coding
 * but `chunked` (none was asked for), a coding in HTTP/1.0. What is no coding at all (`identity`, `binary`) lets the body end with its
 * connection (RFC 9112 6.3), as it does for NGINX and browsers.
 */
export function framingOf(method: string, status: number, minorVersion: 0 | 1, headers: readonly string[]): Framing {
  const { length, coding, connection, keepAlive } = findFields(headers)
  if (length !== undefined && !LENGTH.test(length)) throw new AnswerInvalid('a Content-Length that is no number')
  if (coding !== undefined) {
    if (length !== undefined) throw new AnswerInvalid('both Content-Length and Transfer-Encoding')
    if (mayBeCoded(coding)) throw new AnswerInvalid('a transfer coding that nobody asked for')
    if (minorVersion === 0) throw new AnswerInvalid('Transfer-Encoding in HTTP/1.0')
  }
  const idleMs = minorVersion === 0 || CLOSE.test(connection) ? 0 : idleMsOf(keepAlive)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { body: 'none', length: 0, idleMs }
  if (coding?.toLowerCase() === 'chunked') return { body: 'chunked', length: 0, idleMs }
  if (length === undefined) return { body: 'until-close', length: 0, idleMs: 0 }
  return Number(length) === 0 ? { body: 'none', length: 0, idleMs } : { body: 'sized', length: Number(length), idleMs }
}

/** Is this another coding than `chunked`, or a list, or something like it? */
function mayBeCoded(coding: string): boolean {
  const name = coding.toLowerCase()
  if (name === 'chunked') return false
  return !NAME.test(name) || name.includes('chunked') || CODINGS.has(name)
}

function findFields(headers: readonly string[]): FramingFields {
  const found: FramingFields = { length: undefined, coding: undefined, connection: '', keepAlive: '' }
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    // Lengths first: few names need to be looked at.
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (found.length !== undefined) throw new AnswerInvalid('several lines of Content-Length')
      found.length = value
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (found.coding !== undefined) throw new AnswerInvalid('several lines of Transfer-Encoding')
      found.coding = value
    } else if (name.length === 10) {
      const lower = name.toLowerCase()
      if (lower === 'connection') found.connection += `,${value}`
      else if (lower === 'keep-alive') found.keepAlive += `,${value}`
    }
  }
  return found
}

function idleMsOf(keepAlive: string): number {
  const seconds = keepAlive === '' ? undefined : TIMEOUT.exec(keepAlive)?.[1]
  if (seconds === undefined) return IDLE_MS
  return Math.max(0, Math.min(MAX_IDLE_MS, Number(seconds) * 1000 - MARGIN_MS))
}
