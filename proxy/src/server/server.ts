import type { FastifyInstance } from 'fastify'
import type { Http2ServerResponse } from 'node:http2'
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Config } from '../config.ts'
import type { Carrier, Connection, Exchange, ReadyAnswer, RequestHead } from '../request.ts'
import { createAcceptor, REFUSAL_HTTP, REFUSAL_TLS, type Accepted } from './accept.ts'
import { createApp } from './app.ts'
import { bindConnection } from './bind.ts'
import { createCommonHeaders, type CommonHeaders } from './common-headers.ts'
import { connectionLimit, readDescriptorLimit } from './descriptors.ts'
import { createDrain, type DrainLimits } from './drain.ts'
import { createExpress } from './express.ts'
import { createGuard } from './guard.ts'
import { startHandshake, type HandshakeCertificates, type HandshakeTickets } from './handshake.ts'
import { createHttp1, HEAD_LIMITS } from './http1.ts'
import { createHttp2 } from './http2.ts'
import { answerToNobody, logNoRequest } from './nobody.ts'
import { createReceiver } from './receive.ts'
import { createRegistry } from './registry.ts'
import { createRequestIds } from './request-ids.ts'
import { createStages, type StageRooms } from './stages.ts'
import type { PageDetails } from './synth.ts'
import { createUnderWay, type UnderWayCounts } from './under-way.ts'

/** What answers need that are made behind the stages. */
export type AnswerTools = {
  readonly commonHeaders: CommonHeaders
  fail(exchange: Exchange, details: PageDetails): void
}

/** The rooms that a worker joins to a server. */
export type ServerRooms<Found> = Pick<StageRooms<Found>, 'lookup' | 'deliver' | 'decline' | 'purge' | 'challenge'> & {
  certificates: HandshakeCertificates
  tickets?: HandshakeTickets
  /** The answer from what was found in memory. @returns undefined for anything else, which is let go of. */
  compose(carrier: Carrier, found: Found, common: CommonHeaders): ReadyAnswer | undefined
  /** As `lookup`, for what memory knows; nobody looks for anything else. */
  lookupKept(head: RequestHead): Found | undefined
  /** The routes that reach the upstream, and the tunnels to it. */
  upstream(tools: AnswerTools): Pick<StageRooms<Found>, 'pipe'> & { register(app: FastifyInstance): void }
  mayPurge(head: RequestHead): boolean
}

export type EdgeServer = {
  /** Accepts from an inherited listening descriptor. */
  listen(listener: { scheme: 'http' | 'https'; fd: number }): Promise<void>
  /** Takes a connection that was not accepted from one: of the primary, or of a test. */
  take(scheme: 'http' | 'https', socket: Socket): void
  connections(): number
  /** What is under way, and so what a drain waits for besides idle connections. */
  underWay(): UnderWayCounts
  /**
   * Stops accepting, lets what is under way finish, and ends the rest after its limit. Resolves when no connection is left.
   * Asked again while it drains, it follows the shorter limits.
   */
  drain(limits: DrainLimits): Promise<void>
}

const SERVER_NAME = 'blot-edge'
const BACKLOG = 4096
const OPENING_MS = 20_000
const MAX_PER_NETWORK = 1000

/** Joins the stages of a connection to the stages of a request. */
export async function createEdgeServer<Found>(config: Config, rooms: ServerRooms<Found>): Promise<EdgeServer> {
  const maxConnections = connectionLimit(readDescriptorLimit())
  const registry = createRegistry({
    maxConnections,
    // One network alone must not keep out all others.
    maxPerNetwork: Math.min(MAX_PER_NETWORK, Math.ceil(maxConnections / 2)),
    openingMs: OPENING_MS + config.issueWaitMs,
  })
  const underWay = createUnderWay()
  const nextId = createRequestIds()
  const common = createCommonHeaders(SERVER_NAME, config.altSvc)
  const http1 = createHttp1({
    request: (request, response, line) => stages.request(request, response, line),
    upgrade: (heard, socket, firstBytes) => stages.upgrade(heard, socket, firstBytes),
    malformed: (connection, status, reason) => answerToNobody({ connection, status, reason, id: nextId() }, common),
  })
  const http2 = createHttp2({
    request: (request, response) => stages.request(request, response, request),
    upgrade: (request, response, stream) =>
      stages.upgrade({ request, response, line: request }, stream, Buffer.alloc(0)),
    malformed: (connection, reason) => logNoRequest({ connection, status: 400, reason, id: nextId(), version: '2.0' }),
  })
  const tools: AnswerTools = { commonHeaders: common, fail: (exchange, details) => stages.fail(exchange, details) }
  const upstream = rooms.upstream(tools)
  const app = await createApp(upstream.register, tools.fail)
  // Names given one by one (`dev --upstream`): the app is not Blot, and its names mean nothing.
  const blotHost = config.permission.kind === 'names' ? '' : config.host
  const inBothLanes = {
    ...rooms,
    common,
    receive: createReceiver(blotHost, nextId),
    guard: createGuard({ host: blotHost, httpsPort: config.httpsPort, mayPurge: rooms.mayPurge }),
  }
  const stages = createStages<Found>({ ...inBothLanes, underWay, nextId, fetch: app.fetch, pipe: upstream.pipe })
  const { headMs } = HEAD_LIMITS
  const express = createExpress<Found>({ ...inBothLanes, leave: http1.take, late: http1.late, headMs })

  type Rest = Omit<Connection, keyof Accepted['origin']>
  function take({ tracked, origin }: Accepted, socket: Duplex, rest: Rest): Connection {
    const connection = { ...origin, ...rest }
    registry.opened(tracked, connection)
    bindConnection(socket, connection)
    return connection
  }

  function takePlain(accepted: Accepted): void {
    const connection = take(accepted, accepted.socket, { scheme: 'http', serverName: undefined, covers: always })
    express.take(accepted.socket, connection)
  }

  function takeSecure(accepted: Accepted): void {
    startHandshake(accepted, rooms, ({ socket, protocol, serverName, covers }) => {
      // Who names no server, or repeats what the handshake named, contradicts nothing.
      const agrees = (host: string): boolean => serverName === undefined || host === serverName || covers(host)
      const connection = take(accepted, socket, { scheme: 'https', serverName, covers: agrees })
      if (protocol === 'h2') {
        http2.take(socket)
        return
      }
      // A TLS socket knows no reset, which `cut` asks for: the one beneath it does.
      socket.resetAndDestroy = () => {
        accepted.socket.resetAndDestroy()
        return socket
      }
      express.take(socket, connection)
    })
  }

  const { trustedProxies, proxyProtocol } = config
  const entrance = { registry, trustedProxies, proxyProtocol }
  const accept = {
    http: createAcceptor({ ...entrance, refusal: REFUSAL_HTTP }, takePlain),
    https: createAcceptor({ ...entrance, refusal: REFUSAL_TLS }, takeSecure),
  }
  const listening: NetServer[] = []

  return {
    async listen({ scheme, fd }) {
      listening.push(await listenOn(fd, accept[scheme], scheme === 'http'))
    },
    take: (scheme, socket) => accept[scheme](socket),
    connections: () => registry.count(),
    underWay: underWay.counts,
    drain: createDrain({
      registry,
      underWay,
      begin(idleMs) {
        for (const server of listening.splice(0)) server.close()
        http1.drain(idleMs)
        express.close()
        http2.drain(idleMs, answersOfHttp2(underWay.all()))
      },
      async close() {
        http1.close()
        await app.close()
      },
    }),
  }
}

/** @param halfOpen as `node:http` has it, which ends its own side once it has seen the visitor's end. */
function listenOn(fd: number, onSocket: (socket: Socket) => void, halfOpen: boolean): Promise<NetServer> {
  return new Promise((resolve, reject) => {
    const server = createNetServer({ allowHalfOpen: halfOpen, noDelay: true }, onSocket)
    server.once('error', reject)
    server.listen({ fd, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function answersOfHttp2(exchanges: readonly Exchange[]): Http2ServerResponse[] {
  return exchanges.flatMap(({ response }) => ('stream' in response ? [response] : []))
}

function always(): boolean {
  return true
}
