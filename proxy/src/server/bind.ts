import type { Duplex } from 'node:stream'
import type { Connection, Incoming } from '../request.ts'

/** Ties the edge's record of a connection to the stream that Node's HTTP servers were handed. */
const record = Symbol('connection')
type Bound = { [record]?: Connection }

export function bindConnection(socket: Duplex, connection: Connection): void {
  const bound: Bound & Duplex = socket
  bound[record] = connection
}

/** @returns undefined for a stream that the edge did not accept. */
export function boundConnection(socket: Duplex): Connection | undefined {
  const bound: Bound & Duplex = socket
  return bound[record]
}

/** The only place that looks at a request's socket. An HTTP/2 session's `socket` is a proxy that passes symbols on. */
export function connectionOf(request: Incoming): Connection {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket
  const connection = socket === undefined ? undefined : boundConnection(socket)
  if (connection === undefined) throw new TypeError('this request came over a connection that the edge did not accept')
  return connection
}
