import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly bytes: Buffer
}

export interface VisitOptions {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/**
 * Visits a URL as a browser would, but at a port of this machine: the URL's host goes into `Host`.
 * The path is sent as it is written, without the cleaning that URL parsers do.
 */
export async function visit(port: number, url: string, { method, headers, body }: VisitOptions = {}): Promise<Answer> {
  const [, host = '', path = '/'] = /^https?:\/\/([^/]*)(\/.*)?$/.exec(url) ?? []
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const outgoing = request({
    host: '127.0.0.1',
    port,
    path,
    method: method ?? 'GET',
    headers: { host, ...headers },
    agent: false,
  })
  outgoing.on('error', reject)
  outgoing.on('response', (incoming) => {
    buffer(incoming).then((bytes) => {
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text: bytes.toString(), bytes })
    }, reject)
  })
  outgoing.end(body)
  return promise
}
