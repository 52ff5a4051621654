import { constants } from 'node:http2'
import type { Outgoing } from '../request.ts'

/** Ends an answer that cannot be completed so that it never looks whole: `destroy` ends a stream of HTTP/2 without an error. */
export function cut(response: Outgoing): void {
  if ('stream' in response) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else response.destroy()
}
