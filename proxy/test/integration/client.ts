import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { Readable } from 'node:stream'
import tls from 'node:tls'

export type Ask = {
  port: number
  /** The site's name: SNI, and `Host` unless `authority` says otherwise. */
  host: string
  path?: string
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer | Readable
  protocol?: Protocol
  authority?: string
  ca?: string
  address?: string
}

export type Protocol = 'http/1.1' | 'https/1.1' | 'h2'
export type Answer = {
  status: number
  headers: http.IncomingHttpHeaders
  body: Buffer
  text: string
  certificate: string
}

/** One request over a connection of its own, to 127.0.0.1 whatever the host. */
export function ask(request: Ask): Promise<Answer> {
  return request.protocol === 'h2' ? askHttp2(request) : askHttp1(request)
}

function askHttp1(options: Ask): Promise<Answer> {
  const secure = options.protocol !== 'http/1.1'
  const { port, host, ca, address = '127.0.0.1', method = 'GET', path = '/' } = options
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request({
      host: address,
      port,
      method,
      path,
      agent: false,
      headers: { host: options.authority ?? `${host}:${port}`, ...options.headers },
      ...(secure ? { servername: host, ca, rejectUnauthorized: ca !== undefined } : {}),
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const { socket } = response
      const certificate = socket instanceof tls.TLSSocket ? namesOf(socket) : ''
      collect(response).then(
        (body) => {
          const { statusCode: status = 0, headers } = response
          resolve({ status, headers, body, text: body.toString(), certificate })
        },
        (error: unknown) => reject(error as Error),
      )
    })
    send(request, options.body)
  })
}

async function askHttp2(options: Ask): Promise<Answer> {
  const { port, host, ca, address = '127.0.0.1', method = 'GET', path = '/' } = options
  const session = http2.connect(`https://${address}:${port}`, {
    servername: host,
    ca,
    rejectUnauthorized: ca !== undefined,
  })
  try {
    return await new Promise<Answer>((resolve, reject) => {
      session.on('error', reject)
      const stream = session.request({
        ':authority': options.authority ?? `${host}:${port}`,
        ':method': method,
        ':path': path,
        ...options.headers,
      })
      stream.on('error', reject)
      let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {}
      stream.on('response', (received) => {
        headers = received
      })
      collect(stream).then(
        (body) => {
          const certificate = namesOf(session.socket as tls.TLSSocket)
          resolve({ status: headers[':status'] ?? 0, headers, body, text: body.toString(), certificate })
        },
        (error: unknown) => reject(error as Error),
      )
      send(stream, options.body)
    })
  } finally {
    session.close()
  }
}

function send(stream: NodeJS.WritableStream, body: Ask['body']): void {
  if (body instanceof Readable) body.pipe(stream)
  else if (body === undefined) stream.end()
  else stream.end(body)
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Subject alternative names of what the server presented. */
function namesOf(socket: tls.TLSSocket): string {
  return socket.getPeerCertificate().subjectaltname ?? ''
}
