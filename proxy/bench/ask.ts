import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Requests } from './load/requests.ts'
import type { Contestant, Server } from './servers/server.ts'

/** What a server answers, as far as servers must agree on it. */
export type Answer = {
  readonly status: number
  /** SHA-256 of the body as it was sent, without decoding. */
  readonly body: string
  readonly bytes: number
  readonly headers: IncomingHttpHeaders
}

/** Fields that a client acts upon. Of Content-Type, the media type: servers may differ about the charset. */
const AGREED = ['content-type', 'content-encoding', 'content-range', 'location'] as const

/** Makes one request of a load. */
export async function ask(server: Server, requests: Requests, index = 0): Promise<Answer> {
  const { host, path } = requests.urls[index] ?? { host: '', path: '/' }
  const question = { server, host, path, requests }
  return requests.via === 'h2' ? askHttp2(question) : askHttp1(question)
}

type Question = { server: Server; host: string; path: string; requests: Requests }

async function askHttp1({ server, host, path, requests }: Question): Promise<Answer> {
  const { via, headers, bodyFile } = requests
  const port = via === 'http' ? server.http : server.https
  const options = {
    host: '127.0.0.1',
    port,
    path,
    method: bodyFile === undefined ? 'GET' : 'POST',
    headers: { ...headers, host: `${host}:${port}` },
    agent: false,
  }
  const request =
    via === 'http' ? http.request(options) : https.request({ ...options, servername: host, rejectUnauthorized: false })
  if (bodyFile === undefined) request.end()
  else createReadStream(bodyFile).pipe(request)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, ...(await digest(response)) }
}

async function askHttp2({ server, host, path, requests }: Question): Promise<Answer> {
  const authority = `${host}:${server.https}`
  const session = http2.connect(`https://127.0.0.1:${server.https}`, { servername: host, rejectUnauthorized: false })
  try {
    const stream = session.request({ ...requests.headers, ':path': path, ':authority': authority })
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader]
    return { status: headers[':status'] ?? 0, headers, ...(await digest(stream)) }
  } finally {
    session.destroy()
  }
}

async function digest(body: Readable): Promise<{ body: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { body: hash.digest('hex'), bytes }
}

/** Throws what the answers differ in. */
export function assertAgreement(answers: ReadonlyMap<Contestant, Answer>): void {
  const [first, ...others] = answers
  if (first === undefined) return
  for (const other of others) {
    const said = essence(other[1])
    for (const [field, value] of Object.entries(essence(first[1]))) {
      if (said[field] === value) continue
      throw new Error(`${field} differs: ${first[0]} has ${String(value)}, ${other[0]} has ${String(said[field])}`)
    }
  }
}

function essence({ status, body, bytes, headers }: Answer): Record<string, string | number | undefined> {
  const fields = AGREED.map((name) => [name, headers[name]?.toString()] as const)
  const seen: Record<string, string | number | undefined> = { status, body, bytes, ...Object.fromEntries(fields) }
  seen['content-type'] = headers['content-type']?.split(';')[0]
  // A 304 may leave out what describes the body that it does not have (RFC 9110 15.4.5).
  return status === 304 ? { status, bytes } : seen
}
