import { constants } from 'node:http2'
import type { Outgoing } from './request.ts'

/** Ends an answer that cannot be completed so that it never looks whole. */
export function cut(response: Outgoing): void {
  // `destroy` would end a stream of HTTP/2 without an error.
  if ('stream' in response) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  // Without chunks, the end of the connection may be the end of the body (RFC 9112 6.3).
  else if (response.req.httpVersion === '1.0') response.socket?.resetAndDestroy()
  else response.destroy()
}
