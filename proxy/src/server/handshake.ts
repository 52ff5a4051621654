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

export type Secured = {
  readonly socket: TLSSocket
  readonly protocol: 'h2' | 'http/1.1'
  readonly serverName: string | undefined
  readonly covers: (host: string) => boolean
}

/** Protocol names as ALPN carries them, each behind its length (RFC 7301 3.1). */
const ALPN = Buffer.from('\x02h2\x08http/1.1', 'latin1')
/** Alert descriptions of RFC 8446 6.2. */
const ALERTS = { unrecognized_name: 112, internal_error: 80 } as const

const handshakes = edgeChannel('handshake')

/**
 * `ClientHello (SNI) -> TLS -> ALPN`. Calls `done` once the connection is secure; ends it in every other case.
 * The TLS socket is made by hand, without a `tls.Server`, since a refusal must reach the raw socket beneath it.
 */
export function startHandshake(
  accepted: Accepted,
  certificates: HandshakeCertificates,
  done: (secured: Secured) => void,
): void {
  const { socket: raw, origin } = accepted
  const startedMs = performance.now()
  let outcome: HandshakeOutcome = 'fallback'
  let entry = certificates.fallback
  let name: string | undefined
  let reason: string | undefined

  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: certificates.fallback.context,
    ALPNProtocols: ALPN,
    SNICallback(serverName, respond) {
      name = normaliseName(serverName)
      const known = name === undefined ? undefined : certificates.select(name)
      if (known !== undefined) {
        outcome = 'memory'
        entry = known
        respond(null, known.context)
        return
      }
      certificates.answer(serverName, origin.address).then(
        (answer) => {
          if (raw.destroyed) return
          outcome = answer.outcome
          reason = answer.reason
          if (answer.outcome === 'refused') {
            refuse(answer.alert)
            return
          }
          entry = answer.entry
          respond(null, entry.context)
        },
        // It does not reject; were it ever to, one handshake is lost and not the worker.
        (error: Error) => socket.destroy(error),
      )
    },
  })

  function report(): void {
    handshakes.publish({ name, outcome, durationMs: performance.now() - startedMs, address: origin.address, reason })
  }

  /** An error given to `respond` would only reset the connection, and the visitor would try again. */
  function refuse(alert: keyof typeof ALERTS): void {
    report()
    socket.off('close', onClose)
    raw.end(Buffer.from([0x15, 3, 3, 0, 2, 2, ALERTS[alert]]), () => socket.destroy())
  }

  function onClose(): void {
    outcome = 'refused'
    reason ??= 'the visitor left, or no protocol in common'
    report()
  }

  socket.on('error', ignore)
  socket.once('close', onClose)
  socket.once('secure', () => {
    socket.off('close', onClose)
    // What `tls.Server` does at this point: `http2` waits for an event of clients otherwise.
    Object.assign(socket, { secureConnecting: false })
    report()
    const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    const { covers } = entry
    done({ socket, protocol, serverName: name, covers: (host) => covers(host) })
  })
}

function ignore(): void {}
