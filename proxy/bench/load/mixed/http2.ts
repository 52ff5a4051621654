import { once } from 'node:events'
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import tls, { type TLSSocket } from 'node:tls'
import { send } from './bodies.ts'
import { Failure, outcomeOf, timeoutError, wrongCertificate, type Phase } from './outcomes.ts'
import { PATIENCE_MS, type Opened, type Question, type Transport } from './transport.ts'

const { NGHTTP2_REFUSED_STREAM } = http2.constants
/** Errors of requests that were never sent: the session was told to go away just before. */
const NOT_SENT = new Set(['ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION'])

export type Http2Options = {
  readonly port: number
  /** All requests of a session are for one site, as a browser's are whose certificate names one. */
  readonly host: string
  /** After so many requests the visitor closes the session, and opens another. */
  readonly requestsPerSession: number
}

/** A session and its connection. */
type Session = { readonly socket: TLSSocket; readonly opened: Promise<ClientHttp2Session>; requests: number }

/** A client of HTTP/2 with one session at a time, for as many requests at once as are made. */
export function createHttp2({ port, host, requestsPerSession }: Http2Options): Transport {
  let current: Session | undefined
  let ticket: Buffer | undefined

  function connect(): Session {
    const resumed = ticket === undefined ? {} : { session: ticket }
    const secure = { servername: host, ALPNProtocols: ['h2'], rejectUnauthorized: false, ...resumed }
    const socket = tls.connect({ port, host: '127.0.0.1', ...secure })
    socket.on('session', (received) => (ticket = received))
    const mine: Session = { socket, opened: openSession(socket, host), requests: 0 }
    mine.opened.then(
      (session) => {
        // As a browser: what is under way goes on, what is new takes another connection.
        session.once('goaway', () => forget(mine))
        session.once('close', () => forget(mine))
      },
      () => forget(mine),
    )
    return mine
  }

  function forget(one: Session): void {
    if (current === one) current = undefined
  }

  return {
    via: 'h2',
    async open(question) {
      const mine = (current ??= connect())
      const reused = mine.requests++ > 0
      const isLast = mine.requests >= requestsPerSession
      if (isLast) forget(mine)
      const session = await mine.opened
      const answer = request({ session, port: mine.socket.localPort ?? 0, reused }, question)
      if (isLast) session.close()
      return answer
    },
    close() {
      current?.opened.then(
        (session) => session.close(),
        () => undefined,
      )
    },
  }
}

/** Resolves once requests may be sent; rejects with a `Failure`. */
async function openSession(socket: TLSSocket, host: string): Promise<ClientHttp2Session> {
  let phase: Phase = 'connect'
  let port = 0
  socket.once('connect', () => {
    phase = 'handshake'
    port = socket.localPort ?? 0
  })
  const timer = setTimeout(() => socket.destroy(timeoutError()), PATIENCE_MS)
  try {
    await once(socket, 'secureConnect')
    const wrong = wrongCertificate(socket, host)
    if (wrong !== undefined) throw wrong
  } catch (error) {
    socket.on('error', () => undefined).destroy()
    const cause = error as Error
    throw new Failure(cause.message, { outcome: outcomeOf(cause, phase), phase, port, reused: false })
  } finally {
    clearTimeout(timer)
  }
  const session = http2.connect(`https://${host}`, { createConnection: () => socket })
  // Each of its streams has an error of its own.
  session.on('error', () => undefined)
  return session
}

type On = { readonly session: ClientHttp2Session; readonly port: number; readonly reused: boolean }

function request(on: On, question: Question): Promise<Opened> {
  const { method, host, path, headers, body, limitMs } = question
  const length = body === undefined ? {} : { 'content-length': String(body.bytes) }
  const pseudo = { ':method': method, ':path': path, ':authority': host, ':scheme': 'https' }
  const { promise, resolve, reject } = Promise.withResolvers<Opened>()
  let stream: ClientHttp2Stream
  try {
    stream = on.session.request({ ...pseudo, ...headers, ...length }, { endStream: body === undefined })
  } catch (error) {
    return Promise.reject(failureOf(error as Error, on, undefined))
  }
  const timer = setTimeout(() => stream.destroy(timeoutError()), limitMs ?? PATIENCE_MS)
  stream.once('response', (received: IncomingHttpHeaders & { ':status'?: number }) => {
    if (limitMs === undefined) clearTimeout(timer)
    const { port, reused } = on
    const fault = (): string | undefined => (stream.rstCode === 0 ? undefined : `reset with code ${stream.rstCode}`)
    resolve({ status: received[':status'] ?? 0, headers: received, body: stream, fault, port, reused })
  })
  stream.on('error', (error) => reject(failureOf(error, on, stream)))
  stream.once('close', () => {
    clearTimeout(timer)
    reject(failureOf(new Error('the stream was closed'), on, stream))
  })
  if (body !== undefined) void send(body, stream)
  return promise
}

function failureOf(error: NodeJS.ErrnoException, { port, reused }: On, stream: ClientHttp2Stream | undefined): Failure {
  const unprocessed = stream === undefined ? NOT_SENT.has(error.code ?? '') : stream.rstCode === NGHTTP2_REFUSED_STREAM
  const code = stream === undefined ? '' : ` (code ${stream.rstCode})`
  const phase = 'head'
  return new Failure(`${error.message}${code}`, { outcome: outcomeOf(error, phase), phase, port, reused, unprocessed })
}
