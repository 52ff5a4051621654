import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { UpstreamTimeout } from '../../errors.ts'

/** Where an upstream listens. */
export type Origin = {
  readonly hostname: string
  readonly port: number
  readonly secure: boolean
}

const CONNECT_MS = 250
/** TLS may need several round trips to an upstream that is far away. */
const HANDSHAKE_MS = 2000
/** After how much silence the kernel asks whether the upstream is still there. */
const KEEP_ALIVE_MS = 60_000

/**
 * A connection to an upstream. TLS verifies the certificate against the upstream's own name; the visitor's `Host` has no part in it.
 * A connection that takes too long fails with UpstreamTimeout, any other failure is Node's: both come as the socket's `error`.
 * @param ready called when the connection may be used.
 * @param onread where its bytes go, if they are not to come as `data`.
 */
export function connect(origin: Origin, ready: () => void, onread: OnReadOpts | undefined): Socket {
  const { hostname, port, secure } = origin
  const options = { host: hostname, port, noDelay: true, ...(onread === undefined ? {} : { onread }) }
  const socket = secure
    ? connectTls({ ...options, ...serverName(hostname), ALPNProtocols: ['http/1.1'] })
    : connectTcp(options)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)

  // A busy event loop runs timers before it looks at sockets: let a connection that is there already be seen.
  const giveUp = (): void => void setImmediate(() => socket.connecting && socket.destroy(new UpstreamTimeout()))
  let timer = setTimeout(giveUp, CONNECT_MS)
  const stop = (): void => clearTimeout(timer)
  socket.once('close', stop)
  socket.once('connect', () => {
    stop()
    if (secure) timer = setTimeout(() => socket.destroy(new UpstreamTimeout()), HANDSHAKE_MS)
    else ready()
  })
  socket.once('secureConnect', () => {
    stop()
    ready()
  })
  return socket
}

/** An address is no server name (RFC 6066 3); the certificate must name it all the same. */
function serverName(hostname: string): { servername?: string } {
  return isIP(hostname) === 0 ? { servername: hostname } : {}
}
