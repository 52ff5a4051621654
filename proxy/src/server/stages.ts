import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { cut } from '../cut.ts'
import { edgeChannel } from '../events.ts'
import { bindExchange, type Exchange, type Incoming, type Outgoing, type RequestHead } from '../request.ts'
import { connectionOf } from './bind.ts'
import type { CommonHeaders } from './common-headers.ts'
import { nobodysHead, openExchange } from './exchange.ts'
import type { Guard } from './guard.ts'
import { endGently } from './linger.ts'
import type { RequestLine } from './odd-line.ts'
import { createOwnAnswers, type AnswerRooms } from './own-answers.ts'
import type { PageName } from './pages/page.ts'
import type { Receiver, Refused } from './receive.ts'
import type { PageDetails } from './synth.ts'
import { SEND_MS } from './times.ts'
import type { UnderWay } from './under-way.ts'

/** What the stages need of the rooms. `Found` is whatever `lookup` gives to `deliver`. */
export type StageRooms<Found> = AnswerRooms & {
  receive: Receiver
  underWay: UnderWay
  nextId(): string
  guard: Guard
  /** Memory and files; synchronous. */
  lookup(head: RequestHead): Found | undefined
  deliver(exchange: Exchange, found: Found, common: CommonHeaders): Promise<void> | void
  /** The Fastify app: everything that needs the upstream. */
  fetch(request: Incoming, response: Outgoing): void
  pipe(exchange: Exchange, socket: Duplex, firstBytes: Buffer): void
}

/** A request that asks for a tunnel. */
export type Asked = {
  readonly request: Incoming
  readonly response: Outgoing
  /** Where method and target are read. */
  readonly line: RequestLine
}

export type Stages = {
  /** @param line where method and target are read. */
  request(request: Incoming, response: Outgoing, line: RequestLine): void
  /** `socket` is the tunnel-to-be: the connection itself, or one stream of HTTP/2. */
  upgrade(asked: Asked, socket: Duplex, firstBytes: Buffer): void
  /** Answers with one of the edge's own pages, at any later point of an exchange. */
  fail(exchange: Exchange, details: PageDetails): void
}

const faults = edgeChannel('fault')

/** The list of stages: `receive -> identify -> guard -> lookup -> deliver`, or `fetch`; then `log`. Aside: `pipe`, `synth`, `fail`. */
export function createStages<Found>(rooms: StageRooms<Found>): Stages {
  const { underWay } = rooms
  const { decide, refuse, apologise, fail } = createOwnAnswers(rooms)

  /** Runs a list of stages. What one of them throws is our fault, costs this visitor an answer, and nobody else anything. */
  function run(request: Incoming, response: Outgoing, line: RequestLine, stages: (exchange: Exchange) => void): void {
    let exchange: Exchange | undefined
    try {
      const received = rooms.receive(request, line, connectionOf(request))
      if ('status' in received) {
        exchange = openExchange(nobodysHead(request, line, rooms.nextId()), request, response, underWay)
        refuse(exchange, { ...received, page: pageOf(received) })
      } else {
        exchange = openExchange(received, request, response, underWay)
        stages(exchange)
      }
    } catch (error) {
      faults.publish({ area: 'server', message: 'a stage failed', error })
      if (exchange === undefined) cut(response)
      else apologise(exchange, error)
    }
  }

  function serve(exchange: Exchange): void {
    const { head, response } = exchange
    const verdict = rooms.guard(head)
    if (verdict !== undefined) {
      decide(exchange, verdict)
      return
    }
    const found = rooms.lookup(head)
    if (found !== undefined) {
      exchange.cache = 'HIT'
      rooms.decline(exchange)
      limitSending(response, rooms.deliver(exchange, found, rooms.common))
      return
    }
    // Until a cache in front of the app says more.
    exchange.cache = 'BYPASS'
    bindExchange(exchange)
    rooms.fetch(exchange.request, response)
  }

  return {
    request: (request, response, line) => run(request, response, line, serve),

    upgrade({ request, response, line }, socket, firstBytes) {
      if (!('stream' in response)) {
        response.assignSocket(socket as Socket)
        response.on('finish', () => endGently(socket))
      }
      run(request, response, line, (exchange) => {
        const verdict = rooms.guard(exchange.head)
        if (verdict !== undefined) {
          decide(exchange, verdict)
          return
        }
        exchange.cache = 'BYPASS'
        rooms.pipe(exchange, socket, firstBytes)
      })
    },

    fail,
  }
}

/** Ends an answer that its visitor does not take. One that went out whole at once, as most do, needs no timer. */
function limitSending(response: Outgoing, delivering: Promise<void> | void): void {
  if (delivering === undefined && response.writableLength === 0) return
  response.setTimeout(SEND_MS, () => cut(response))
}

function pageOf(refused: Refused): PageName {
  if (refused.status === 403) return 'forbidden'
  if (refused.status === 405) return 'method-not-allowed'
  return refused.status === 421 ? 'misdirected' : 'bad-request'
}
