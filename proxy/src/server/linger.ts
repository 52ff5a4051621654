import type { Duplex } from 'node:stream'

const LINGER_MS = 2000

/**
 * Ends our side of a connection whose visitor may still be sending, and drops what comes: closed at once, the kernel would
 * answer unread bytes with a reset, and the visitor lose the answer (RFC 9112 9.6).
 */
export function endGently(socket: Duplex): void {
  if (socket.destroyed) return
  socket.end()
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}
