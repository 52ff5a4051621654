import { edgeChannel, type RequestEvent } from '../events.ts'
import type { Exchange, Incoming, Outgoing, RequestHead } from '../request.ts'
import { identifySite } from '../site/site.ts'
import { connectionOf } from './bind.ts'
import type { RequestLine } from './odd-line.ts'
import type { UnderWay } from './under-way.ts'

const requests = edgeChannel('request')

/** Opens an exchange, and its last stage, `log`: tells what became of it, once its answer or its connection is over. */
export function openExchange(head: RequestHead, request: Incoming, response: Outgoing, underWay: UnderWay): Exchange {
  const exchange: Exchange = {
    head,
    request,
    response,
    cache: undefined,
    cacheStatus: undefined,
    upstream: undefined,
    reason: undefined,
    bytes: 0,
    lasting: undefined,
    place: 0,
  }
  underWay.begin(exchange)
  const startedMs = performance.now()
  response.once('close', () => {
    underWay.end(exchange)
    const { statusCode: status } = response
    // A tunnel has no answer to complete.
    tell(exchange, { status, startedMs, aborted: status !== 101 && !response.writableFinished })
  })
  return exchange
}

/** What the log tells of an exchange. */
export type Told = Pick<Exchange, 'head' | 'cache' | 'upstream' | 'reason' | 'bytes' | 'heldMs'>
type Outcome = Pick<RequestEvent, 'status' | 'aborted'> & { readonly startedMs: number }

/** The last stage, `log`. */
export function tell(told: Told, { status, aborted, startedMs }: Outcome): void {
  const { head } = told
  requests.publish({
    method: head.method,
    scheme: head.scheme,
    host: head.host,
    target: head.target,
    version: head.version,
    status,
    bytes: told.bytes,
    durationMs: performance.now() - startedMs,
    heldMs: told.heldMs,
    cache: told.cache,
    upstream: told.upstream,
    requestId: head.id,
    address: head.connection.address,
    reason: told.reason,
    aborted,
    userAgent: head.headers['user-agent'],
    referrer: head.headers.referer,
  })
}

/** The head of a request that named no site: enough for a page and a line in the log. */
export function nobodysHead(request: Incoming, { method = '', url = '' }: RequestLine, id: string): RequestHead {
  const connection = connectionOf(request)
  return {
    method,
    scheme: connection.scheme,
    host: '',
    authority: '',
    target: url,
    version: 'stream' in request ? '2.0' : request.httpVersion === '1.0' ? '1.0' : '1.1',
    headers: request.headers,
    rawHeaders: [],
    connection,
    site: identifySite('', '', true),
    id,
  }
}
