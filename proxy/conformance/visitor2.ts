import { once } from 'node:events'
import http2, { type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2'

/** An answer over HTTP/2. */
export type Answer2 = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** Statuses of the 1xx before it. */
  readonly information: readonly number[]
  /** The stream ended, and not by a reset (RFC 9113 8.1). */
  readonly whole: boolean
}

/** A visitor with one request, over TLS and HTTP/2. */
export type Visitor2 = {
  readonly stream: ClientHttp2Stream
  /** Resolves when the stream is closed. */
  answer(): Promise<Answer2>
  leave(): void
}

/** @param fields flat, besides the pseudo-header fields. */
export async function visit2(port: number, host: string, fields: readonly string[]): Promise<Visitor2> {
  const session = http2.connect(`https://127.0.0.1:${port}`, { servername: host, rejectUnauthorized: false })
  session.on('error', () => {})
  await once(session, 'connect')
  const pseudo = [':method', 'GET', ':path', '/', ':authority', host, ':scheme', 'https']
  const stream = session.request([...pseudo, ...fields], { endStream: true })
  stream.on('error', () => {})
  return { stream, answer: () => collect(stream), leave: () => session.destroy() }
}

async function collect(stream: ClientHttp2Stream): Promise<Answer2> {
  let headers: IncomingHttpHeaders = {}
  let status = 0
  let body = ''
  let trailers: IncomingHttpHeaders = {}
  const information: number[] = []
  stream.on('headers', (head) => information.push(Number(head[':status'])))
  stream.on('response', (head) => {
    headers = head
    status = Number(head[':status'])
  })
  let ended = false
  stream.on('end', () => (ended = true))
  stream.on('trailers', (fields) => (trailers = fields))
  stream.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
  await new Promise((resolve) => stream.once('close', resolve))
  const whole = status > 0 && ended && !stream.aborted && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR
  return { status, headers, body, trailers, information, whole }
}
