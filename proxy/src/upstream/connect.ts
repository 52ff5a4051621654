import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { buildConnector } from 'undici'
import { UpstreamTimeout } from '../errors.ts'

const CONNECT_MS = 250
/** TLS may need several round trips to an upstream that is far away. */
const HANDSHAKE_MS = 2000
/** After how much silence the kernel asks whether the upstream is still there. */
const KEEP_ALIVE_MS = 60_000

/**
 * undici's connector, with a timer that means what it says: undici's own ticks every half second.
 * TLS verifies the certificate against the upstream's name; the visitor's `Host` has no part in it.
 * The callback gets UpstreamTimeout, or Node's error.
 */
export const connect: buildConnector.connector = ({ hostname, port, protocol }, callback) => {
  const secure = protocol === 'https:'
  const address = { host: hostname, port: Number(port || (secure ? 443 : 80)), noDelay: true }
  const socket = secure
    ? connectTls({ ...address, ...nameOf(hostname), ALPNProtocols: ['http/1.1'] })
    : connectTcp(address)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)

  // A busy event loop runs timers before it looks at sockets: let a connection that is there already be seen.
  const giveUp = (): void => void setImmediate(() => socket.connecting && socket.destroy(new UpstreamTimeout()))
  let timer = setTimeout(giveUp, CONNECT_MS)

  function onError(error: Error): void {
    clearTimeout(timer)
    callback(error, null)
  }
  function onReady(): void {
    clearTimeout(timer)
    socket.off('error', onError)
    callback(null, socket)
  }
  socket.once('error', onError)
  if (!secure) {
    socket.once('connect', onReady)
    return
  }
  socket.once('connect', () => {
    clearTimeout(timer)
    timer = setTimeout(() => socket.destroy(new UpstreamTimeout()), HANDSHAKE_MS)
  })
  socket.once('secureConnect', onReady)
}

/** An address is no server name (RFC 6066 3); the certificate must name it all the same. */
function nameOf(hostname: string): { servername?: string } {
  return isIP(hostname) === 0 ? { servername: hostname } : {}
}
