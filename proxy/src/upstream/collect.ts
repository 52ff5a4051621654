import { BodyStalled, BodyTooLarge, UpstreamBusy, VisitorLeft } from '../errors.ts'
import type { Exchange } from '../request.ts'
import { hasBody, linger, RequestBody } from './body.ts'
import type { RequestClass } from './classes.ts'
import type { BodySink } from './wire/contracts.ts'

export type CollectOptions = {
  readonly limits: RequestClass
  /** For all of the body. */
  readonly withinMs: number
  /** Counts bytes that have arrived. @returns false when there is no room for them. */
  arrived(bytes: number): boolean
}

/**
 * All of a request body, byte for byte. Rejects with BodyTooLarge, BodyStalled or UpstreamBusy, whose answers reach a visitor who is still
 * sending; with VisitorLeft when there is no more of it.
 */
export function collectBody(exchange: Exchange, { limits, withinMs, arrived }: CollectOptions): Promise<Buffer> {
  const { head, request, response } = exchange
  if (!hasBody(request)) return Promise.resolve(Buffer.alloc(0))
  if (Number(head.headers['content-length'] ?? 0) > limits.maxBodyBytes) {
    linger(exchange)
    return Promise.reject(new BodyTooLarge(limits.maxBodyBytes))
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const body = new RequestBody(exchange, limits)
    // One that trickles in has its place for as long.
    const timer = setTimeout(() => fail(new BodyStalled()), withinMs)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      body.stop()
      reject(error)
    }
    const sink: BodySink = {
      write(chunk) {
        if (!arrived(chunk.length)) {
          fail(new UpstreamBusy())
          return false
        }
        chunks.push(chunk)
        return true
      },
      finish() {
        clearTimeout(timer)
        const whole = Buffer.concat(chunks)
        // A stream of HTTP/2 that is reset ends like one that is whole.
        if (isCut(exchange, whole.length)) fail(new VisitorLeft())
        else resolve(whole)
      },
      abort: fail,
    }
    response.once('close', () => fail(new VisitorLeft()))
    body.start(sink)
  })
}

function isCut({ head, request }: Exchange, bytes: number): boolean {
  if (request.aborted || ('stream' in request && request.stream.aborted)) return true
  const length = head.headers['content-length']
  return length !== undefined && Number(length) !== bytes
}
