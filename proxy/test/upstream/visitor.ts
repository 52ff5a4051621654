import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { Readable } from 'node:stream'
import type { Front } from './front.ts'

export type Protocol = 'HTTP/1.1' | 'HTTP/2'
export const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2']

export type Ask = {
  method?: string
  path?: string
  /** Flat. */
  headers?: readonly string[]
  body?: string | Buffer | readonly (string | Buffer)[]
  /** More of the body would come. */
  unfinished?: boolean
  signal?: AbortSignal
  authority?: string
}

export type Got = {
  status: number
  /** Flat, as received; without pseudo-header fields. */
  headers: string[]
  body: Buffer
  trailers: Record<string, unknown>
  information: { status: number; headers: Record<string, unknown> }[]
  /** The answer ended as the protocol says an answer ends. */
  whole: boolean
}

const AUTHORITY = 'site.example:8443'

export function ask(front: Pick<Front, 'http' | 'h2'>, protocol: Protocol, request: Ask = {}): Promise<Got> {
  return protocol === 'HTTP/1.1' ? ask1(front.http, request) : ask2(front.h2, request)
}

async function ask1(
  port: number,
  { method = 'GET', path = '/', headers = [], body, unfinished = false, signal, authority }: Ask,
): Promise<Got> {
  const request = http.request({
    port,
    host: '127.0.0.1',
    method,
    path,
    agent: false,
    headers: ['Host', authority ?? AUTHORITY, ...headers],
    ...(signal === undefined ? {} : { signal }),
  })
  const got = emptyGot()
  request.on('information', ({ statusCode, headers: fields }) =>
    got.information.push({ status: statusCode, headers: fields }),
  )
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  answered.catch(() => {})
  // Who answers before the request is whole may close before it is sent.
  request.on('error', () => {})
  for (const part of partsOf(body)) request.write(part)
  if (!unfinished) request.end()
  const [response] = await answered
  got.status = response.statusCode ?? 0
  got.headers = response.rawHeaders
  await collect(response, got)
  got.whole = response.complete
  got.trailers = response.trailers
  return got
}

async function ask2(
  port: number,
  { method = 'GET', path = '/', headers = [], body, unfinished = false, signal, authority }: Ask,
): Promise<Got> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const parts = partsOf(body)
  const fields = [':method', method, ':path', path, ':authority', authority ?? AUTHORITY, ':scheme', 'http', ...headers]
  const stream = session.request(fields, { endStream: parts.length === 0, ...(signal ? { signal } : {}) })
  const got = emptyGot()
  stream.on('headers', (information) =>
    got.information.push({ status: Number(information[':status']), headers: { ...information } }),
  )
  stream.on('trailers', (trailers) => (got.trailers = { ...trailers }))
  stream.on('response', (head, _flags, raw) => {
    got.status = Number(head[':status'])
    got.headers = withoutPseudo(raw)
  })
  if (parts.length > 0) Readable.from(parts).pipe(stream, { end: !unfinished })
  try {
    await collect(stream, got)
    got.whole = stream.rstCode === http2.constants.NGHTTP2_NO_ERROR
    if (got.status === 0) throw new Error('no answer')
    return got
  } finally {
    session.destroy()
  }
}

async function collect(stream: NodeJS.ReadableStream, got: Got): Promise<void> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise<void>((resolve) => {
    stream.once('error', () => resolve())
    stream.once('close', () => resolve())
  })
  got.body = Buffer.concat(chunks)
}

function emptyGot(): Got {
  return { status: 0, headers: [], body: Buffer.alloc(0), trailers: {}, information: [], whole: false }
}

function partsOf(body: Ask['body']): readonly (string | Buffer)[] {
  if (body === undefined) return []
  return typeof body === 'string' || Buffer.isBuffer(body) ? [body] : body
}

function withoutPseudo(raw: readonly string[]): string[] {
  let first = 0
  while (raw[first]?.startsWith(':')) first += 2
  return raw.slice(first)
}

/** A flat header list, written as it looks on the wire. */
export function lines(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .flatMap((line) => line.trim().split(/: (.*)/, 2))
}

export function header(got: Got, name: string): string[] {
  return got.headers.filter((_, i) => i % 2 === 1 && got.headers[i - 1]?.toLowerCase() === name)
}

/** Sends bytes as they are over HTTP/1.1. @returns all that came back when the front closed, or `until` said it is enough. */
export async function sendRaw(front: Front, bytes: string, until: (text: string) => boolean): Promise<string> {
  const socket = net.connect(front.http, '127.0.0.1')
  socket.write(bytes, 'latin1')
  let text = ''
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1')
    if (until(text)) break
  }
  socket.destroy()
  return text
}
