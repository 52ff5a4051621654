import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { codeOf } from '../errors.ts'
import { edgeChannel, type CacheState } from '../events.ts'
import { bindExchange, type Exchange, type Incoming, type Outgoing, type RequestHead } from '../request.ts'
import { identifySite } from '../site/site.ts'
import { connectionOf } from './bind.ts'
import type { CommonHeaders } from './common-headers.ts'
import type { Guard, Verdict } from './guard.ts'
import type { PageName } from './pages/page.ts'
import type { Receiver, Refused } from './receive.ts'
import { synth, synthPage, type PageDetails } from './synth.ts'

/** What the stages need of the rooms. `Found` is whatever `lookup` gives to `deliver`. */
export type StageRooms<Found> = {
  receive: Receiver
  guard: Guard
  /** Memory and files; synchronous. */
  lookup(head: RequestHead): Found | undefined
  deliver(exchange: Exchange, found: Found, common: readonly string[]): Promise<void> | void
  /** The Fastify app: everything that needs the upstream. */
  fetch(request: Incoming, response: Outgoing): void
  pipe(exchange: Exchange, socket: Duplex, firstBytes: Buffer): void
  /** Applies a purge that came over the plain listener, and answers it in text. */
  purge(target: string): Promise<{ status: number; body: string }>
  inMaintenance(): boolean
  common: CommonHeaders
}

export type Stages = {
  request(request: Incoming, response: Outgoing): void
  upgrade(request: IncomingMessage, response: ServerResponse, socket: Duplex, firstBytes: Buffer): void
  /** Answers with one of the edge's own pages, at any later point of an exchange. */
  fail(exchange: Exchange, details: PageDetails): void
}

const requests = edgeChannel('request')
const RETRY_AFTER_S = '120'
/** How long a visitor may take nothing of an answer. */
const SEND_MS = 30_000

/** The list of stages: `receive -> identify -> guard -> lookup -> deliver`, or `fetch`; then `log`. Aside: `pipe`, `synth`, `fail`. */
export function createStages<Found>(rooms: StageRooms<Found>): Stages {
  function begin(request: Incoming, response: Outgoing): Exchange | undefined {
    const received = rooms.receive(request)
    const refused = 'status' in received ? received : undefined
    const head = 'status' in received ? nobodys(request) : received
    const exchange: Exchange = {
      head,
      request,
      response,
      cache: undefined,
      upstream: undefined,
      reason: undefined,
      bytes: 0,
    }
    logWhenOver(exchange)
    if (refused === undefined) return exchange
    fail(exchange, { status: refused.status, page: pageOf(refused), reason: refused.reason })
    return undefined
  }

  function fail(exchange: Exchange, details: PageDetails): void {
    synthPage(exchange, details, rooms.common(exchange))
  }

  function decide(exchange: Exchange, verdict: Verdict): void {
    const common = rooms.common(exchange)
    switch (verdict.kind) {
      case 'page':
        fail(exchange, verdict)
        break
      case 'redirect': {
        const headers = ['Location', verdict.location, 'Cache-Control', 'no-store']
        synth(exchange, { status: verdict.status, contentType: undefined, body: Buffer.alloc(0), headers }, common)
        break
      }
      case 'text':
        text(exchange, verdict.status, verdict.body, verdict.headers)
        break
      case 'purge':
        rooms.purge(exchange.head.target).then(
          ({ status, body }) => text(exchange, status, body, ['Cache-Control', 'no-store']),
          (error: unknown) => {
            exchange.reason = codeOf(error)
            text(exchange, 503, 'the purge did not reach every worker: try again\n', ['Retry-After', '1'])
          },
        )
        break
    }
  }

  function text(exchange: Exchange, status: number, body: string, headers: readonly string[] = []): void {
    const answer = { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(body), headers }
    synth(exchange, answer, rooms.common(exchange))
  }

  /** What stands between a request that is not here and the app: maintenance, and a word for the cache's state. */
  function readyToFetch(exchange: Exchange): boolean {
    exchange.cache = stateBeforeFetch(exchange.head)
    if (!rooms.inMaintenance()) return true
    const details = { status: 503, page: 'maintenance' as const, reason: 'maintenance', retryAfter: RETRY_AFTER_S }
    fail(exchange, details)
    return false
  }

  return {
    request(request, response) {
      const exchange = begin(request, response)
      if (exchange === undefined) return
      const verdict = rooms.guard(exchange.head)
      if (verdict !== undefined) {
        decide(exchange, verdict)
        return
      }
      const found = rooms.lookup(exchange.head)
      if (found !== undefined) {
        exchange.cache = 'HIT'
        limitSending(exchange, rooms.deliver(exchange, found, rooms.common(exchange)))
        return
      }
      if (!readyToFetch(exchange)) return
      bindExchange(exchange)
      rooms.fetch(request, response)
    },

    upgrade(request, response, socket, firstBytes) {
      response.assignSocket(socket as IncomingMessage['socket'])
      response.on('finish', () => socket.end())
      const exchange = begin(request, response)
      if (exchange === undefined) return
      const verdict = rooms.guard(exchange.head)
      if (verdict !== undefined) {
        decide(exchange, verdict)
        return
      }
      if (!readyToFetch(exchange)) return
      rooms.pipe(exchange, socket, firstBytes)
    },

    fail,
  }
}

/** Ends an answer that its visitor does not take. One that went out whole at once, as most do, needs no timer. */
function limitSending({ response }: Exchange, delivering: Promise<void> | void): void {
  if (delivering === undefined && response.writableLength === 0) return
  response.setTimeout(SEND_MS, () => response.destroy())
}

function stateBeforeFetch(head: RequestHead): CacheState {
  return head.site.cacheable && (head.method === 'GET' || head.method === 'HEAD') ? 'MISS' : 'BYPASS'
}

function pageOf(refused: Refused): PageName {
  if (refused.status === 403) return 'forbidden'
  return refused.status === 421 ? 'misdirected' : 'bad-request'
}

/** The head of a request that named no site: enough for a page and a line in the log. */
function nobodys(request: Incoming): RequestHead {
  const connection = connectionOf(request)
  return {
    method: request.method ?? '',
    scheme: connection.scheme,
    host: '',
    authority: '',
    target: request.url ?? '',
    version: 'stream' in request ? '2.0' : request.httpVersion === '1.0' ? '1.0' : '1.1',
    headers: request.headers,
    rawHeaders: [],
    connection,
    site: identifySite('', '', true),
    id: '0'.repeat(32),
  }
}

/** The stage `log`: tells what became of a request, once its answer or its connection is over. */
function logWhenOver(exchange: Exchange): void {
  const startedMs = performance.now()
  const { head, response } = exchange
  response.once('close', () => {
    requests.publish({
      method: head.method,
      scheme: head.scheme,
      host: head.host,
      target: head.target,
      version: head.version,
      status: response.statusCode,
      bytes: exchange.bytes,
      durationMs: performance.now() - startedMs,
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
}
