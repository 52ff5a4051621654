import { TLSSocket, type SecureContext } from 'node:tls'
import { edgeChannel, type HandshakeOutcome } from '../events.ts'
import { normaliseName } from '../site/name.ts'
import type { Accepted } from './accept.ts'

/** A certificate ready to be presented. */
export type ContextEntry = { readonly context: SecureContext; covers(host: string): boolean }

export type HandshakeAnswer =
  | { outcome: Exclude<HandshakeOutcome, 'refused'>; entry: ContextEntry; reason?: string }
  | { outcome: 'refused'; alert: 'unrecognized_name' | 'internal_error'; reason: string }

/** What a handshake asks of the room `certificates`. */
export type HandshakeCertificates = {
  readonly fallback: ContextEntry
  /** Memory only: no I/O, no promise. */
  select(name: string): ContextEntry | undefined
  /** The whole way of a handshake; never rejects. */
  answer(serverName: string, address: string): Promise<HandshakeAnswer>
}

/** What a handshake asks of session tickets. */
export type HandshakeTickets = {
  /** Has a connection that begins with this context give and take tickets. */
  attach(context: SecureContext): void
}

export type HandshakeRooms = { readonly certificates: HandshakeCertificates; readonly tickets?: HandshakeTickets }

export type Secured = {
  readonly socket: TLSSocket
  readonly protocol: 'h2' | 'http/1.1'
  readonly serverName: string | undefined
  readonly covers: (host: string) => boolean
}

/** Protocol names as ALPN carries them, each behind its length (RFC 7301 3.1). */
const ALPN = Buffer.from('\x02h2\x08http/1.1\x08http/1.0', 'latin1')
/** Alert descriptions of RFC 8446 6.2. */
const ALERTS = { unrecognized_name: 112, internal_error: 80 } as const
type AlertName = keyof typeof ALERTS

const handshakes = edgeChannel('handshake')

/**
 * `ClientHello (SNI) -> TLS -> ALPN`. Calls `done` once the connection is secure; ends it in every other case.
 * The TLS socket is made by hand, without a `tls.Server`, since a refusal must reach the raw socket beneath it.
 */
export function startHandshake(
  accepted: Accepted,
  { certificates, tickets }: HandshakeRooms,
  done: (secured: Secured) => void,
): void {
  const { socket: raw, origin } = accepted
  const startedMs = performance.now()
  const { fallback } = certificates
  let outcome: HandshakeOutcome = 'fallback'
  let entry = fallback
  let name: string | undefined
  let reason: string | undefined
  let resumed = false

  tickets?.attach(fallback.context)
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: fallback.context,
    ALPNProtocols: ALPN,
    SNICallback: (serverName, respond) => choose(serverName, (context) => respond(null, context), refuse),
  })
  rememberName(socket, fallback.context)

  /** Memory answers at once. */
  function choose(
    serverName: string,
    present: (context: SecureContext) => void,
    refuseWith: (alert: AlertName) => void,
  ): void {
    name = normaliseName(serverName)
    const known = name === undefined ? undefined : certificates.select(name)
    if (known !== undefined) {
      outcome = 'memory'
      entry = known
      present(known.context)
      return
    }
    certificates.answer(serverName, origin.address).then(
      (answer) => {
        if (raw.destroyed) return
        outcome = answer.outcome
        reason = answer.reason
        if (answer.outcome === 'refused') {
          refuseWith(answer.alert)
          return
        }
        entry = answer.entry
        present(entry.context)
      },
      // It does not reject; were it ever to, one handshake is lost and not the worker.
      (error: Error) => socket.destroy(error),
    )
  }

  function report(): void {
    const durationMs = performance.now() - startedMs
    handshakes.publish({ name, outcome, resumed, durationMs, address: origin.address, reason })
  }

  /** An error given to `respond` would only reset the connection, and the visitor would try again. */
  function refuse(alert: AlertName): void {
    report()
    socket.off('close', onClose)
    raw.end(Buffer.from([0x15, 3, 3, 0, 2, 2, ALERTS[alert]]), () => socket.destroy())
  }

  /** Behind the handshake, an alert in the clear means nothing. */
  function refuseResumed(): void {
    report()
    socket.off('close', onClose)
    socket.destroy()
  }

  function onClose(): void {
    outcome = 'refused'
    reason ??= 'the visitor left, or no protocol in common'
    report()
  }

  function finish(): void {
    socket.off('close', onClose)
    report()
    const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    const { covers } = entry
    done({ socket, protocol, serverName: name, covers: (host) => covers(host) })
  }

  socket.on('error', ignore)
  socket.once('close', onClose)
  socket.once('secure', () => {
    // What `tls.Server` does at this point: `http2` waits for an event of clients otherwise.
    Object.assign(socket, { secureConnecting: false })
    resumed = socket.isSessionReused()
    const resumedName = resumed ? resumedNameOf(socket) : undefined
    // A ticket spares the certificate, and not the question whether the name is still ours.
    if (resumedName === undefined) finish()
    else choose(resumedName, finish, refuseResumed)
  })
}

/** With TLS 1.3 the name of this ClientHello; with TLS 1.2 the one that the session was made for (RFC 6066 3). */
function resumedNameOf(socket: TLSSocket): string | undefined {
  const { servername }: { servername?: string | false | null } = socket
  return servername || undefined
}

/**
 * OpenSSL keeps the name in the session, and TLS 1.2 knows it again when that is resumed, if the name was acknowledged in
 * time. Node does so where it has a context at once, and not where it calls back for one.
 */
function rememberName(socket: TLSSocket, { context }: SecureContext): void {
  const { _handle: handle }: TLSSocket & { _handle?: object } = socket
  if (handle !== undefined) Object.assign(handle, { sni_context: context })
}

function ignore(): void {}
