import fastify from 'fastify'
import { once } from 'node:events'
import http, { ServerResponse, type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RequestClass } from '../../src/upstream/classes.ts'
import type { Failure } from '../../src/upstream/failure.ts'
import { bindExchange, type Exchange, type Incoming, type Outgoing, type RequestHead } from '../../src/request.ts'
import { identifySite } from '../../src/site/site.ts'
import { registerUpstream, type FetchOrAnswer } from '../../src/upstream/plugin.ts'
import { createVigil } from '../../src/upstream/health/vigil.ts'
import { createHold, HOLD_LIMITS, type Hold, type HoldLimits } from '../../src/upstream/hold.ts'
import { createPool, type UpstreamPool } from '../../src/upstream/pool.ts'
import { createTunnel, type TunnelLimits } from '../../src/upstream/tunnel.ts'

type Test = { teardown(end: () => unknown): void }

export type Front = {
  readonly http: number
  readonly h2: number
  readonly pool: UpstreamPool
  readonly hold: Hold
  /** Every exchange so far, the latest last. */
  readonly exchanges: Exchange[]
  /** Resolves when the response of the latest exchange is closed. */
  over(): Promise<void>
}

export type FrontOptions = {
  upstreams: readonly (number | string | { url: string; backup: boolean })[]
  trusted?: boolean
  httpsPort?: number
  classify?: (head: RequestHead) => RequestClass
  tunnelLimits?: TunnelLimits
  /** Nobody waits for an app that is away, unless a test is about that. */
  hold?: Partial<HoldLimits>
  /** What stands between visitors and the app. */
  around?: (fetch: FetchOrAnswer, pool: UpstreamPool) => FetchOrAnswer
  nextId?: () => string
}

const COMMON = ['X-Content-Type-Options', 'nosniff', 'Blot-Server', 'test']
export const VISITOR = '203.0.113.7'
const REQUEST_ID = '0123456789abcdef0123456789abcdef'

/** The room `upstream` behind `node:http` and `node:http2`, joined as the stages join it. */
export async function startFront(t: Test, options: FrontOptions): Promise<Front> {
  const pool = createPool({ upstreams: options.upstreams.map(toUpstream) })
  // It knocks and says nothing: no origin counts that as a call.
  const vigil = createVigil({ pool, path: undefined })
  const exchanges: Exchange[] = []
  let lastOver: Promise<void> = Promise.resolve()
  const hold = createHold(pool, { ...HOLD_LIMITS, holdMs: 0, ...options.hold })
  const upstream = {
    pool,
    hold,
    config: { httpsPort: options.httpsPort ?? 8443 },
    commonHeaders: () => COMMON,
    fail,
    ...(options.classify === undefined ? {} : { classify: options.classify }),
    around: (fetch: FetchOrAnswer) => options.around?.(fetch, pool) ?? fetch,
  }
  const pipe = createTunnel(upstream, options.tunnelLimits)
  const server = http.createServer({
    requireHostHeader: false,
    shouldUpgradeCallback: ({ headers }) => !/^h2c?$/i.test(headers.upgrade ?? ''),
  })
  const server2 = http2.createServer({ strictSingleValueFields: false })
  const app = fastify({ serverFactory: () => server, rewriteUrl: () => '/', exposeHeadRoutes: false })
  registerUpstream(app, upstream)
  await app.ready()

  function begin(request: Incoming, response: Outgoing): Exchange {
    const exchange: Exchange = {
      head: { ...headOf(request, options.trusted ?? false), id: options.nextId?.() ?? REQUEST_ID },
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
    exchanges.push(exchange)
    lastOver = new Promise((resolve) => {
      response.once('close', resolve)
    })
    return exchange
  }
  function take(request: Incoming, response: Outgoing): void {
    bindExchange(begin(request, response))
    app.routing(request as never, response as never)
  }
  // Fastify has put itself on the server's 'request'; here, as in the edge, requests come to it from the stages.
  server.removeAllListeners('request')
  for (const event of ['request', 'checkContinue']) {
    server.on(event, take)
    server2.on(event, take)
  }
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, firstBytes: Buffer) => {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as IncomingMessage['socket'])
    response.on('finish', () => socket.end())
    socket.on('error', () => {})
    pipe(begin(request, response), socket, firstBytes)
  })
  server.listen(0, '127.0.0.1')
  server2.listen(0, '127.0.0.1')
  await Promise.all([once(server, 'listening'), once(server2, 'listening')])
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
    server2.close()
    await app.close()
    vigil.close()
    await pool.close()
  })
  return {
    http: (server.address() as AddressInfo).port,
    h2: (server2.address() as AddressInfo).port,
    pool,
    hold,
    exchanges,
    over: () => lastOver,
  }
}

/** Stands in for the edge's own pages. */
function fail(exchange: Exchange, failure: Failure): void {
  const { head, request, response } = exchange
  exchange.reason ??= failure.reason
  if (response.headersSent) throw new Error('a page after the head was sent')
  const body = `page ${failure.page}\n${failure.reason}\n`
  const headers = ['Content-Length', String(body.length), 'Request-Id', head.id]
  if (failure.retryAfter !== undefined) headers.push('Retry-After', failure.retryAfter)
  ;(response as ServerResponse).writeHead(failure.status, headers)
  ;(response as ServerResponse).end(request.method === 'HEAD' ? undefined : body)
}

function toUpstream(upstream: FrontOptions['upstreams'][number]): { url: string; backup: boolean } {
  if (typeof upstream === 'object') return upstream
  return { url: typeof upstream === 'number' ? `http://127.0.0.1:${upstream}` : upstream, backup: false }
}

function headOf(request: Incoming, trusted: boolean): RequestHead {
  const second = request.httpVersionMajor === 2
  const authority = (second ? request.headers[':authority'] : request.headers.host) ?? ''
  const host = String(authority).replace(/:\d+$/, '')
  let first = 0
  while (request.rawHeaders[first]?.startsWith(':')) first += 2
  return {
    method: request.method ?? '',
    scheme: second ? 'https' : 'http',
    host,
    authority: String(authority),
    target: request.url ?? '',
    version: second ? '2.0' : request.httpVersion === '1.0' ? '1.0' : '1.1',
    headers: request.headers,
    rawHeaders: request.rawHeaders.slice(first),
    connection: {
      id: 1,
      address: VISITOR,
      port: 40_000,
      trusted,
      loopback: false,
      scheme: second ? 'https' : 'http',
      localPort: 8000,
      serverName: undefined,
      covers: () => true,
    },
    site: identifySite(host, 'blot.test', false),
    id: REQUEST_ID,
  }
}
