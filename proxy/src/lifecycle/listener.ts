import net from 'node:net'
import { AddressUnavailable, PortForbidden, PortInUse } from '../errors.ts'

/** A bound socket that this process holds open and never accepts from: workers inherit its descriptor and listen on it. */
export type BoundListener = { readonly fd: number; readonly address: string; readonly port: number; close(): void }

type Handle = { fd: number; getsockname(out: { port?: number; address?: string }): number; close(): void }
/** Node's `cluster` binds by the same call; no public one binds without accepting. */
type Binder = { _createServerHandle?(address: string, port: number, type: 4 | 6, fd: -1, flags: 0): Handle | number }

const UV_EADDRINUSE = -98
const UV_EACCES = -13
const UV_EAFNOSUPPORT = -97
const UV_EADDRNOTAVAIL = -99

/**
 * @param address IPv4 or IPv6; `::` covers both, and falls back to `0.0.0.0` on a machine without IPv6.
 * @param port 0 for any free port.
 * @throws EDGE_ERR_PORT_IN_USE, EDGE_ERR_PORT_FORBIDDEN, EDGE_ERR_ADDRESS_UNAVAILABLE, each with what to do.
 */
export function bindListener(address: string, port: number, variable: string): BoundListener {
  const binder = net as unknown as Binder
  const handle = binder._createServerHandle?.(address, port, address.includes(':') ? 6 : 4, -1, 0)
  if (handle === undefined)
    throw new AddressUnavailable('this Node.js cannot bind without accepting: use the locked runtime')
  if (typeof handle === 'number') {
    const hasNoIpv6 = handle === UV_EAFNOSUPPORT || handle === UV_EADDRNOTAVAIL
    if (address === '::' && hasNoIpv6) return bindListener('0.0.0.0', port, variable)
    throw bindError(handle, address, port, variable)
  }
  // libuv keeps EADDRINUSE for later and leaves the socket unbound; asking for its name brings the error out.
  const name: { port?: number; address?: string } = {}
  const status = handle.getsockname(name)
  if (status !== 0 || name.port === undefined) {
    handle.close()
    throw bindError(status, address, port, variable)
  }
  return { fd: handle.fd, address: name.address ?? address, port: name.port, close: () => handle.close() }
}

function bindError(status: number, address: string, port: number, variable: string): Error {
  const place = `${address.includes(':') ? `[${address}]` : address}:${port}`
  if (status === UV_EADDRINUSE) {
    return new PortInUse(
      `${place} (${variable}) is in use: stop what listens there, or set ${variable} to another port`,
    )
  }
  if (status === UV_EACCES) {
    return new PortForbidden(
      `${place} (${variable}) may not be opened by this user: start as root (workers then run as EDGE_USER), or set ${variable} to a port from 1024`,
    )
  }
  return new AddressUnavailable(
    `${place} is no address of this machine (error ${status}): set EDGE_ADDRESS to one that is`,
  )
}
