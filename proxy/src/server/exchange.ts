import { edgeChannel } from '../events.ts'
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
    requests.publish({
      method: head.method,
      scheme: head.scheme,
      host: head.host,
      target: head.target,
      version: head.version,
      status: response.statusCode,
      bytes: exchange.bytes,
      durationMs: performance.now() - startedMs,
      heldMs: exchange.heldMs,
      cache: exchange.cache,
      upstream: exchange.upstream,
      requestId: head.id,
      address: head.connection.address,
      reason: exchange.reason,
      // A tunnel has no answer to complete.
      aborted: response.statusCode !== 101 && !response.writableFinished,
      userAgent: head.headers['user-agent'],
      referrer: head.headers.referer,
    })
  })
  return exchange
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
