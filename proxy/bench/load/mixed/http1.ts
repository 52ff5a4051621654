import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { send } from './bodies.ts'
import { Failure, outcomeOf, timeoutError, wrongCertificate, type Phase } from './outcomes.ts'
import { PATIENCE_MS, type Opened, type Question, type Transport } from './transport.ts'

export type Http1Options = {
  readonly port: number
  readonly secure: boolean
  /** One connection for all requests, or one for each. */
  readonly keepAlive: boolean
  /** Are TLS sessions resumed? */
  readonly resume?: boolean
}

/** Where a request is, and on which connection. */
type Progress = { phase: Phase; port: number; reused: boolean; bytesBefore: number; socket: Socket | undefined }

/** A client of HTTP/1.1 with at most one connection at a time. */
export function createHttp1({ port, secure, keepAlive, resume = true }: Http1Options): Transport {
  const pooling = { keepAlive, maxSockets: 1 }
  const agent = secure
    ? new https.Agent({ ...pooling, maxCachedSessions: resume ? 10 : 0 })
    : new http.Agent({ ...pooling })

  function open(question: Question): Promise<Opened> {
    const { method, host, path, headers, body, limitMs = PATIENCE_MS } = question
    const length = body === undefined ? {} : { 'content-length': String(body.bytes) }
    const options = { host: '127.0.0.1', port, agent, method, path, headers: { host, ...headers, ...length } }
    const { promise, resolve, reject } = Promise.withResolvers<Opened>()
    const request = secure
      ? https.request({ ...options, servername: host, rejectUnauthorized: false })
      : http.request(options)
    const progress: Progress = { phase: 'connect', port: 0, reused: false, bytesBefore: 0, socket: undefined }
    follow(request, host, progress)
    let response: IncomingMessage | undefined
    const timer = setTimeout(() => (response ?? request).destroy(timeoutError()), limitMs)
    request.once('close', () => clearTimeout(timer))
    request.on('error', (error) => reject(failureOf(error, progress)))
    request.once('response', (received) => {
      response = received
      progress.phase = 'body'
      if (question.limitMs === undefined) clearTimeout(timer)
      // An answer before the end of the request: nobody can tell where the next one would begin.
      received.once('end', () => request.writableEnded || request.destroy())
      resolve(openedOf(received, progress))
    })
    if (body === undefined) request.end()
    else void send(body, request)
    return promise
  }

  return { via: secure ? 'tls' : 'http', open, close: () => agent.destroy() }
}

function follow(request: ClientRequest, host: string, progress: Progress): void {
  request.once('socket', (socket) => {
    progress.socket = socket
    progress.reused = request.reusedSocket
    progress.bytesBefore = request.reusedSocket ? socket.bytesRead : 0
    const connected = (): void => {
      progress.port = socket.localPort ?? 0
      progress.phase = socket instanceof TLSSocket && !request.reusedSocket ? 'handshake' : 'head'
    }
    if (socket.connecting) socket.once('connect', connected)
    else connected()
    if (!(socket instanceof TLSSocket) || request.reusedSocket) return
    socket.once('secureConnect', () => {
      progress.phase = 'head'
      const wrong = wrongCertificate(socket, host)
      if (wrong !== undefined) request.destroy(wrong)
    })
  })
}

function openedOf(response: IncomingMessage, { port, reused }: Progress): Opened {
  const { statusCode: status = 0, headers } = response
  return { status, headers, body: response, fault: () => undefined, port, reused }
}

function failureOf(error: Error, progress: Progress): Failure {
  const { phase, port, reused, socket, bytesBefore } = progress
  const outcome = outcomeOf(error, phase)
  const read = (socket?.bytesRead ?? 0) - bytesBefore
  const isPart = phase === 'head' && read > 0
  const bytes = socket === undefined ? 'without a connection' : `${socket.bytesWritten} bytes written, ${read} read`
  return new Failure(`${error.message} (${bytes})`, { outcome, phase, port, reused: reused && !isPart })
}
