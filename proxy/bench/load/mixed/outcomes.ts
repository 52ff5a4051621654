import { checkServerIdentity, type TLSSocket } from 'node:tls'

/** What became of a request, from its visitor's side. All but `ok` are failures. */
export const OUTCOMES = [
  'ok',
  /** No connection was to be had. */
  'refused',
  /** The connection, or the stream, ended before an answer had begun. */
  'reset',
  /** It ended in the body of the answer. */
  'cut',
  'wrongStatus',
  'wrongBody',
  /** The handshake gave a certificate for another name. */
  'wrongCertificate',
  'timeout',
  /** Said or done more than once. */
  'duplicate',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What a visitor puts up with, and who runs a server would rather not have. */
export const EVENTS = [
  /**
   * An idempotent request on a connection that had carried others, and closed before a byte of this answer: clients may ask
   * again (RFC 9112 9.3.1, RFC 9113 8.7), and browsers do.
   */
  'retried',
  /** A stream that the server said it had not processed (RFC 9113 8.7): asked again on another connection. */
  'refusedStream',
  /** A WebSocket or an event stream that ended, and was opened anew. */
  'reconnect',
] as const
export type Event = (typeof EVENTS)[number]

/** How far a request had come. */
export type Phase = 'connect' | 'handshake' | 'head' | 'body' | 'open'

/** How it travelled. */
export type Via = 'http' | 'tls' | 'h2'

/** One failure or event, for whoever looks for its reason. */
export type Incident = {
  readonly kind: string
  readonly what: Exclude<Outcome, 'ok'> | Event
  readonly via: Via
  readonly phase: Phase
  /** When the request began and when it failed, ms since the epoch. */
  readonly beganMs: number
  readonly endedMs: number
  /** The visitor's end of the connection; 0 when there was none. */
  readonly port: number
  /** Had the connection carried requests before? */
  readonly reused: boolean
  readonly detail: string
}

/** An error that knows what it means for the request. */
export class Failure extends Error {
  readonly outcome: Exclude<Outcome, 'ok'>
  readonly phase: Phase
  readonly port: number
  readonly reused: boolean
  /** The server said that it has not processed this: any method may be sent again. */
  readonly unprocessed: boolean

  constructor(
    message: string,
    from: Pick<Failure, 'outcome' | 'phase' | 'port' | 'reused'> & { unprocessed?: boolean },
  ) {
    super(message)
    this.outcome = from.outcome
    this.phase = from.phase
    this.port = from.port
    this.reused = from.reused
    this.unprocessed = from.unprocessed ?? false
  }
}

export function timeoutError(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })
}

/** @returns what is wrong with the certificate of a handshake; of a resumed session there is none, and it was looked at before. */
export function wrongCertificate(socket: TLSSocket, host: string): Error | undefined {
  return socket.isSessionReused() ? undefined : checkServerIdentity(host, socket.getPeerCertificate())
}

/** What a connection's end means, by how far the request had come. */
export function outcomeOf(error: NodeJS.ErrnoException, phase: Phase): Exclude<Outcome, 'ok'> {
  if (error instanceof Failure) return error.outcome
  if (error.code === 'ETIMEDOUT') return 'timeout'
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'wrongCertificate'
  if (phase === 'connect') return 'refused'
  return phase === 'body' || phase === 'open' ? 'cut' : 'reset'
}
