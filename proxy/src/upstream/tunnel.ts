import { STATUS_CODES } from 'node:http'
import { pipeline, type Duplex } from 'node:stream'
import type { Exchange } from '../request.ts'
import { Answer } from './answer.ts'
import type { Switched } from './attempt.ts'
import { LINGER_MS } from './body.ts'
import { STREAM_MS } from './classes.ts'
import { createFetch } from './fetch.ts'
import { answerHeaders, firstValue } from './headers.ts'
import { giveUp, settle, type UpstreamOptions } from './plugin.ts'
import { createTimer } from './timer.ts'

/** How long one side may go on in silence after the other has ended. */
const HALF_OPEN_MS = 60_000

/**
 * The side track `pipe`: an `Upgrade` over HTTP/1.1, to WebSocket or anything else that the app speaks.
 * The exchange's response must be assigned to the socket: a refusal of the app, and every failure, is answered through it.
 * Once the app has switched, bytes pass both ways untouched, pings and all, and the response only tells of the end.
 */
export function createTunnel(
  options: UpstreamOptions,
): (exchange: Exchange, socket: Duplex, firstBytes: Buffer) => void {
  const fetch = createFetch(options)
  return (exchange, socket, firstBytes) => {
    if (firstBytes.length > 0) socket.unshift(firstBytes)
    fetch.upgrade(exchange).then(
      (outcome) => {
        if (!(outcome instanceof Answer)) {
          join(exchange, socket, outcome, options.commonHeaders(exchange))
          return
        }
        endAfterAnswer(exchange, socket)
        settle(exchange, outcome, options)
      },
      (error: unknown) => {
        endAfterAnswer(exchange, socket)
        giveUp(exchange, error, options)
      },
    )
  }
}

/** There is no tunnel: what the visitor sends is dropped, and the connection ends with the answer. */
function endAfterAnswer({ response }: Exchange, socket: Duplex): void {
  socket.resume()
  // The HTTP server has let go of this socket, and would have told the response.
  socket.on('drain', () => response.emit('drain'))
  response.once('finish', () => {
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  })
}

function join(exchange: Exchange, socket: Duplex, switched: Switched, common: readonly string[]): void {
  const upstream = switched.socket
  const cut = (): void => {
    socket.destroy()
    upstream.destroy()
  }
  // Either side may have gone in the moment between the switch and this.
  if (socket.destroyed || upstream.destroyed) {
    cut()
    return
  }
  const idle = createTimer(cut)
  let open = 2
  const passed = (): void => idle.set(open === 2 ? STREAM_MS : HALF_OPEN_MS)
  const ended = (): void => {
    open--
    if (open === 0) idle.stop()
    else passed()
  }
  exchange.response.statusCode = 101
  socket.write(switchingHead(exchange, switched, common), 'latin1')
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
}

function switchingHead({ head }: Exchange, { headers, target }: Switched, common: readonly string[]): string {
  const shape = { version: head.version, method: head.method, status: 101 }
  const own = ['Connection', 'Upgrade', 'Upgrade', firstValue(headers, 'upgrade') ?? '', ...common]
  const list = answerHeaders(headers, shape, [...own, 'Blot-Upstream', target.address])
  let lines = `HTTP/1.1 101 ${STATUS_CODES[101]}\r\n`
  for (let i = 0; i + 1 < list.length; i += 2) lines += `${list[i]}: ${list[i + 1]}\r\n`
  return `${lines}\r\n`
}
