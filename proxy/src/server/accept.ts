import type { Socket } from 'node:net'
import { edgeChannel } from '../events.ts'
import type { Connection } from '../request.ts'
import { addressMatcher, isLoopback, plainAddress } from './address.ts'
import { parseProxyHeader, type ProxySource } from './proxy-header.ts'
import type { Registry, Tracked } from './registry.ts'

/** A connection whose visitor is known and which no protocol has yet. */
export type Accepted = {
  readonly socket: Socket
  readonly tracked: Tracked
  /** All of `Connection` that is known before TLS. */
  readonly origin: Pick<Connection, 'id' | 'address' | 'port' | 'trusted' | 'loopback' | 'localPort'>
}

export type AcceptOptions = {
  registry: Registry
  trustedProxies: readonly string[]
  proxyProtocol: boolean
  /** What a connection is told that is one too many, in the words of its protocol. */
  refusal: Buffer
}

/** A server of HTTP/1.1 that has no room: it may be asked again. */
export const REFUSAL_HTTP = Buffer.from(
  'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
)
/** The alert `internal_error`, fatal, before a handshake (RFC 8446 6.2). */
export const REFUSAL_TLS = Buffer.from([0x15, 3, 3, 0, 2, 2, 80])

const faults = edgeChannel('fault')

/**
 * The first stage of a connection: `accept -> PROXY header`. From here on the socket is the edge's.
 * @returns a listener for `net.Server`'s 'connection'; `next` gets the socket with its bytes unread.
 */
export function createAcceptor(options: AcceptOptions, next: (accepted: Accepted) => void): (socket: Socket) => void {
  const isTrusted = addressMatcher(options.trustedProxies)
  let lastId = 0

  function admit(socket: Socket, tracked: Tracked, peer: string, source: ProxySource | undefined): void {
    const address = source === undefined ? peer : plainAddress(source.address)
    next({
      socket,
      tracked,
      origin: {
        id: ++lastId,
        address,
        port: source === undefined ? (socket.remotePort ?? 0) : source.port,
        // Behind a PROXY header come the visitor's own bytes: the sender of the header does not vouch for them.
        trusted: isTrusted(address),
        loopback: source === undefined && isLoopback(peer),
        localPort: socket.localPort ?? 0,
      },
    })
  }

  return (socket) => {
    // A reset is an ordinary end of a connection: whoever reads or writes it is told by its own error.
    socket.on('error', ignore)
    const peer = plainAddress(socket.remoteAddress)
    const trusted = isTrusted(peer)
    const tracked = options.registry.add(socket, peer, trusted || isLoopback(peer))
    if (tracked === undefined) {
      faults.publish({
        area: 'accept',
        message: 'connection refused: there are too many',
        error: undefined,
        name: peer,
      })
      socket.end(options.refusal)
      socket.destroySoon()
      return
    }
    if (!options.proxyProtocol || !trusted) {
      admit(socket, tracked, peer, undefined)
      return
    }
    readProxyHeader(socket, (source) => admit(socket, tracked, peer, source))
  }
}

/** Collects the header, puts the bytes behind it back, and lets go of the socket. Anything wrong ends the connection. */
function readProxyHeader(socket: Socket, done: (source: ProxySource | undefined) => void): void {
  let received: Buffer = Buffer.alloc(0)
  const end = (): void => void socket.destroy()
  function onReadable(): void {
    const chunk: unknown = socket.read()
    if (!Buffer.isBuffer(chunk)) return
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const header = parseProxyHeader(received)
    if (header.kind === 'incomplete') return
    socket.off('readable', onReadable)
    socket.off('end', end)
    if (header.kind === 'invalid') {
      const peer = plainAddress(socket.remoteAddress)
      faults.publish({ area: 'accept', message: 'connection without a PROXY header', error: header.reason, name: peer })
      socket.destroy()
      return
    }
    if (header.length < received.length) socket.unshift(received.subarray(header.length))
    done(header.source)
  }
  socket.on('readable', onReadable)
  socket.once('end', end)
}

function ignore(): void {}
