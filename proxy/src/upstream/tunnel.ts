import { createHash } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { addAbortSignal, pipeline, type Duplex } from 'node:stream'
import { UpgradeInvalid } from '../errors.ts'
import type { Exchange } from '../request.ts'
import { Answer } from './answer.ts'
import type { Switched } from './attempt.ts'
import { linger, LINGER_MS } from './body.ts'
import { STREAM_MS } from './classes.ts'
import { createFetch } from './fetch.ts'
import { answerHeaders, firstValue, offeredProtocols } from './headers.ts'
import { giveUp, settle, type UpstreamOptions } from './plugin.ts'
import { createTimer } from './timer.ts'

export type TunnelLimits = {
  /** How long nobody may say anything. */
  readonly silentMs: number
  /** The same after one side has ended. */
  readonly halfOpenMs: number
}

const LIMITS: TunnelLimits = { silentMs: STREAM_MS, halfOpenMs: 60_000 }

/** A switch has no body, and the answer to the key is the edge's affair. */
const NOT_OVER_HTTP2 = /^(content-length|sec-websocket-accept)$/i
/** RFC 6455 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * The side track `pipe`: an `Upgrade` over HTTP/1.1, to WebSocket or anything else that the app speaks; or, over HTTP/2, a stream
 * that is to be a WebSocket (RFC 8441). The app gets an `Upgrade` in both cases.
 * The exchange's response must belong to the socket: a refusal of the app, and every failure, is answered through it.
 * Once the app has switched, bytes pass both ways untouched, pings and all, and the response only tells of the end.
 */
export function createTunnel(
  options: UpstreamOptions,
  limits: TunnelLimits = LIMITS,
): (exchange: Exchange, socket: Duplex, firstBytes: Buffer) => void {
  const fetch = createFetch(options)

  function begin(exchange: Exchange, socket: Duplex, switched: Switched): void {
    const upstream = switched.socket
    // Either side may have gone in the moment between the switch and this.
    if (socket.destroyed || upstream.destroyed) {
      socket.destroy()
      upstream.destroy()
      return
    }
    announce(exchange, socket, switched, options.commonHeaders(exchange))
    join(exchange, socket, upstream, limits)
  }

  return (exchange, socket, firstBytes) => {
    if (firstBytes.length > 0) socket.unshift(firstBytes)
    const stopLooking = 'stream' in exchange.response ? undefined : noticeEnd(socket)
    fetch
      .upgrade(exchange)
      .finally(stopLooking)
      .then(
        (outcome) => {
          if (!isSound(exchange, outcome)) {
            if (outcome instanceof Answer) outcome.discard()
            else outcome.socket.destroy()
            endAfterAnswer(exchange, socket)
            giveUp(exchange, new UpgradeInvalid(), options)
          } else if (outcome instanceof Answer) {
            endAfterAnswer(exchange, socket)
            settle(exchange, outcome, options)
          } else {
            begin(exchange, socket, outcome)
          }
        },
        (error: unknown) => {
          endAfterAnswer(exchange, socket)
          giveUp(exchange, error, options)
        },
      )
  }
}

/**
 * Nobody reads from the socket until there is a tunnel: a visitor who ends his side before would not be seen to have left. What he
 * has sent stays where it is.
 */
function noticeEnd(socket: Duplex): () => void {
  const look = (): void => {
    if (socket.readableLength === 0) socket.read()
  }
  const leave = (): void => void socket.destroy()
  socket.on('readable', look)
  socket.once('end', leave)
  return () => {
    socket.off('readable', look)
    socket.off('end', leave)
  }
}

/**
 * RFC 9110 7.8: an app may switch to nothing but what it was offered.
 * Over HTTP/2 a status of 2xx says that there is a tunnel (RFC 8441 5): that of an app which did not switch must not pass.
 * And the key was the edge's, so that the app's answer to it is the edge's to check (RFC 6455 4.1).
 */
function isSound({ head }: Exchange, outcome: Answer | Switched): boolean {
  if (!(outcome instanceof Answer) && !isOffered(head.headers.upgrade, outcome.headers)) return false
  if (head.version !== '2.0') return true
  if (outcome instanceof Answer) return outcome.head.status >= 300
  const key = String(head.headers['sec-websocket-key'])
  const accept = createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64')
  return firstValue(outcome.headers, 'sec-websocket-accept') === accept
}

function isOffered(offered: string | undefined, headers: readonly string[]): boolean {
  const names = offeredProtocols(offered)?.toLowerCase().split(', ') ?? []
  return names.includes(firstValue(headers, 'upgrade')?.toLowerCase() ?? '')
}

/** There is no tunnel: what the visitor sends is dropped, and the connection, or the stream, ends with the answer. */
function endAfterAnswer(exchange: Exchange, socket: Duplex): void {
  const { response } = exchange
  if ('stream' in response) {
    linger(exchange)
    return
  }
  socket.resume()
  // The HTTP server has let go of this socket, and would have told the response.
  socket.on('drain', () => response.emit('drain'))
  response.once('finish', () => {
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}

function join(exchange: Exchange, socket: Duplex, upstream: Duplex, { silentMs, halfOpenMs }: TunnelLimits): void {
  const cut = (): void => {
    socket.destroy()
    upstream.destroy()
  }
  const idle = createTimer(cut)
  let open = 2
  const passed = (): void => idle.set(open === 2 ? silentMs : halfOpenMs)
  const ended = (): void => {
    open--
    if (open === 0) idle.stop()
    else passed()
  }
  // Either side may end its direction and still be told things.
  upstream.allowHalfOpen = true
  socket.allowHalfOpen = true
  upstream.on('data', (chunk: Buffer) => {
    exchange.bytes += chunk.length
    passed()
  })
  socket.on('data', passed)
  pipeline(upstream, socket, ended)
  pipeline(socket, upstream, ended)
  passed()
  exchange.lasting = { kind: 'tunnels', end: () => endBoth(socket, upstream) }
}

/** Where a frame of WebSocket ends nobody here knows, so that none can be put in: both sides see the end of a connection. */
function endBoth(...sides: readonly Duplex[]): void {
  for (const side of sides) {
    side.pause()
    side.end()
  }
}

/** Tells the visitor that the tunnel is open: with 101, or over HTTP/2 with 200 and without what is HTTP/1.1's alone. */
function announce(exchange: Exchange, socket: Duplex, switched: Switched, common: readonly string[]): void {
  const { head, response } = exchange
  if (!('stream' in response)) {
    response.statusCode = 101
    socket.write(switchingHead(exchange, switched, common), 'latin1')
    return
  }
  const upstream = switched.headers.filter((_, i, all) => !NOT_OVER_HTTP2.test(all[i - (i % 2)] ?? ''))
  const shape = { version: head.version, method: head.method, status: 200 }
  response.writeHead(200, answerHeaders(upstream, shape, [...common, 'Blot-Upstream', switched.target.address]))
  // RFC 8441 5: a reset is told as CANCEL. `pipeline` alone would make it INTERNAL_ERROR, and `stream.close` is undone by it.
  const reset = new AbortController()
  addAbortSignal(reset.signal, response.stream)
  switched.socket.once('error', () => reset.abort())
}

function switchingHead({ head }: Exchange, { headers, target }: Switched, common: readonly string[]): string {
  const shape = { version: head.version, method: head.method, status: 101 }
  const own = ['Connection', 'Upgrade', 'Upgrade', firstValue(headers, 'upgrade') ?? '', ...common]
  const list = answerHeaders(headers, shape, [...own, 'Blot-Upstream', target.address])
  let lines = `HTTP/1.1 101 ${STATUS_CODES[101]}\r\n`
  for (let i = 0; i + 1 < list.length; i += 2) lines += `${list[i]}: ${list[i + 1]}\r\n`
  return `${lines}\r\n`
}
