import { randomBytes } from 'node:crypto'
import type { RequestHead } from '../request.ts'
import { allowsRange, checkPreconditions } from './preconditions.ts'
import { parseRange, type Span } from './ranges.ts'
import type { Answer, Representation } from './representation.ts'

/**
 * What a GET or HEAD is answered from a representation: conditions first, then ranges (RFC 9110 13.2.2). Ranges are for GET
 * only (14.2).
 */
export function answerFor({ method, headers }: RequestHead, representation: Representation, nowMs: number): Answer {
  if (representation.whole.status !== 200) return representation.whole
  const outcome = checkPreconditions(headers, representation, nowMs)
  if (outcome === 'unchanged') return { status: 304, fields: representation.shared, parts: [] }
  if (outcome === 'failed') return { status: 412, fields: ['Content-Length', '0'], parts: [] }

  if (method !== 'GET' || headers.range === undefined || representation.contentType === undefined)
    return representation.whole
  if (!allowsRange(headers, representation, nowMs)) return representation.whole
  const spans = parseRange(headers.range, representation.size)
  if (spans === undefined) return representation.whole
  if (spans === 'unsatisfiable') return unsatisfiable(representation)
  const [only] = spans
  if (spans.length === 1 && only !== undefined) return part(representation, only)
  // Content-Encoding beside multipart would say that the envelope is coded, rather than what is in it.
  return representation.coding === undefined ? multipart(representation, spans) : representation.whole
}

/** Where the path lacks the slash of a directory: kept byte for byte, the query too. */
export function slashRedirect(target: string, policy: readonly string[]): Answer {
  const query = target.indexOf('?')
  const location = query === -1 ? `${target}/` : `${target.slice(0, query)}/${target.slice(query)}`
  return { status: 301, fields: ['Location', location, ...policy, 'Content-Length', '0'], parts: [] }
}

function unsatisfiable({ size }: Representation): Answer {
  return { status: 416, fields: ['Content-Range', `bytes */${size}`, 'Content-Length', '0'], parts: [] }
}

function part({ fields, contentType = '', size }: Representation, span: Span): Answer {
  const length = String(span.end - span.start)
  const about = ['Content-Range', contentRange(span, size), 'Content-Type', contentType, 'Content-Length', length]
  return { status: 206, fields: [...fields, ...about], parts: [span] }
}

/** Several parts in one body, multipart/byteranges (RFC 9110 14.6). */
function multipart({ fields, contentType = '', size }: Representation, spans: readonly Span[]): Answer {
  const boundary = randomBytes(18).toString('hex')
  const parts: (Span | Buffer)[] = []
  for (const [index, span] of spans.entries()) {
    const head = `--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(span, size)}\r\n\r\n`
    parts.push(Buffer.from(index === 0 ? head : `\r\n${head}`), span)
  }
  parts.push(Buffer.from(`\r\n--${boundary}--\r\n`))
  let length = 0
  for (const piece of parts) length += Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start
  const about = ['Content-Type', `multipart/byteranges; boundary=${boundary}`, 'Content-Length', String(length)]
  return { status: 206, fields: [...fields, ...about], parts }
}

function contentRange(span: Span, size: number): string {
  return `bytes ${span.start}-${span.end - 1}/${size}`
}
