/** An HTTP/1.1 answer as its bytes came; text is Latin-1. */
export type Answer = {
  readonly status: number
  /** Header lines, as sent. */
  readonly lines: readonly string[]
  readonly body: string
  /** Trailer lines, as sent. */
  readonly trailers: readonly string[]
  /** 1xx answers before it. */
  readonly information: readonly { readonly status: number; readonly lines: readonly string[] }[]
  /** It ended as the protocol says that an answer ends (RFC 9112 6.3). */
  readonly whole: boolean
}

type Head = { status: number; lines: string[]; end: number }

/**
 * Reads an answer from the bytes that are there so far.
 * @returns undefined before the end of its head.
 */
export function readAnswer(bytes: string, { method, closed }: { method: string; closed: boolean }): Answer | undefined {
  const information: { status: number; lines: string[] }[] = []
  let head = readHead(bytes, 0)
  while (head !== undefined && head.status >= 100 && head.status < 200 && head.status !== 101) {
    information.push({ status: head.status, lines: head.lines })
    head = readHead(bytes, head.end)
  }
  if (head === undefined) return undefined
  const { status, lines, end } = head
  return { status, lines, information, ...readBody(bytes.slice(end), { status, lines, method, closed }) }
}

/** Values of a header, a line each. */
export function fieldsOf({ lines }: Pick<Answer, 'lines'>, name: string): string[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : []
  })
}

function readHead(bytes: string, start: number): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n', start)
  if (end === -1) return undefined
  const [first = '', ...lines] = bytes.slice(start, end).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1])
  if (Number.isNaN(status)) throw new Error(`the visitor got no HTTP: ${first.slice(0, 40)}`)
  return { status, lines, end: end + 4 }
}

type Framing = { status: number; lines: readonly string[]; method: string; closed: boolean }
type Body = Pick<Answer, 'body' | 'trailers' | 'whole'>

function readBody(bytes: string, { status, lines, method, closed }: Framing): Body {
  const bodyless = method === 'HEAD' || status === 204 || status === 304 || status === 101
  if (bodyless) return { body: '', trailers: [], whole: true }
  if (fieldsOf({ lines }, 'transfer-encoding').length > 0) return readChunks(bytes)
  const [length] = fieldsOf({ lines }, 'content-length')
  if (length === undefined) return { body: bytes, trailers: [], whole: closed }
  return { body: bytes.slice(0, Number(length)), trailers: [], whole: bytes.length >= Number(length) }
}

/** RFC 9112 7.1. */
function readChunks(bytes: string): Body {
  let body = ''
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return { body, trailers: [], whole: false }
    const size = Number.parseInt(bytes.slice(at, end), 16)
    at = end + 2
    if (size === 0) break
    if (Number.isNaN(size)) return { body, trailers: [], whole: false }
    body += bytes.slice(at, at + size)
    at += size + 2
  }
  const end = bytes.startsWith('\r\n', at) ? at : bytes.indexOf('\r\n\r\n', at)
  return end === -1
    ? { body, trailers: [], whole: false }
    : { body, trailers: bytes.slice(at, end).split('\r\n').filter(Boolean), whole: true }
}
