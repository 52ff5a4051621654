import { RequestInvalid } from '../../errors.ts'
import { NOT_IN_VALUE, TOKEN } from './fields.ts'

/** Visible bytes: a target is sent as the visitor sent it, and must not end the request line early. */
const TARGET = /^[\x21-\x7e\x80-\xff]+$/

/**
 * Request line and fields, to be sent as Latin-1. Throws RequestInvalid for anything that would be read as more than it says.
 * @param headers flat; framing is theirs to say.
 */
export function requestHead(method: string, target: string, headers: readonly string[]): string {
  if (!TOKEN.test(method) || !TARGET.test(target)) throw new RequestInvalid()
  let head = `${method} ${target} HTTP/1.1\r\n`
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const line = `${headers[i]}: ${headers[i + 1]}`
    if (NOT_IN_VALUE.test(line)) throw new RequestInvalid()
    head += `${line}\r\n`
  }
  return `${head}\r\n`
}

/** Trailers behind the last chunk (RFC 9112 7.1.2), and the end of the body. */
export function lastChunk(trailers: readonly string[]): string {
  let lines = '0\r\n'
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    const line = `${trailers[i]}: ${trailers[i + 1]}`
    if (!NOT_IN_VALUE.test(line)) lines += `${line}\r\n`
  }
  return `${lines}\r\n`
}
