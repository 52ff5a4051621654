import { METHODS, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Test } from 'tap'
import { bindListener } from '../../src/lifecycle/listener.ts'
import { exchangeOf, type Exchange } from '../../src/request.ts'
import type { ContextEntry } from '../../src/server/handshake.ts'
import { createEdgeServer, type EdgeServer, type ServerRooms } from '../../src/server/server.ts'
import { hasBody, linger } from '../../src/upstream/body.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { configure } from '../config/configure.ts'

/** What `lookup` finds here: the body of an answer. */
export type Found = string
export type Rooms = ServerRooms<Found>

export type ServeOptions = {
  rooms?: Partial<Rooms>
  environment?: Record<string, string>
  /** Stands in for the app: answers whatever `lookup` does not find. */
  app?: (exchange: Exchange) => void
  pipe?: (exchange: Exchange, socket: Duplex, firstBytes: Buffer) => void
}

export type Served = { readonly server: EdgeServer; readonly http: number; readonly https: number }

export const HOST = 'customer.example'
/** Limits that no test lives to see: a drain that has to wait for them is noticed. */
export const AMPLE = { limitMs: 600_000, tunnelsMs: 600_000, idleMs: 600_000, endingMs: 600_000 }

/** A server with real sockets on 127.0.0.1; its rooms are small ones of the test's own. */
export async function serve(t: Test, options: ServeOptions = {}): Promise<Served> {
  const config = configure({ BLOT_HOST: 'blot.example', ...options.environment })
  const lookup: Rooms['lookup'] =
    options.rooms?.lookup ?? (({ target }) => (target.startsWith('/found') ? 'found' : undefined))
  const server = await createEdgeServer<Found>(config, {
    certificates: { fallback: ENTRY, select: () => undefined, answer: () => Promise.resolve(STORED) },
    lookup,
    lookupKept: lookup,
    deliver: (exchange, found, common) => answer(exchange, found, common(exchange)),
    compose: ({ head, ...rest }, found, common) => ({
      status: 200,
      fields: [],
      common: [...common({ head, ...rest }), 'Content-Length', String(found.length)],
      body: head.method === 'HEAD' ? undefined : Buffer.from(found, 'latin1'),
    }),
    decline(exchange) {
      if (hasBody(exchange.request)) linger(exchange)
    },
    purge: () => Promise.resolve({ status: 200, body: 'purged\n' }),
    challenge: () => Promise.resolve(undefined),
    mayPurge: () => false,
    upstream: () => ({
      register(app) {
        for (const method of METHODS) app.addHttpMethod(method, { overrideExisting: true })
        app.all('/', (request, reply) => {
          reply.hijack()
          const exchange = exchangeOf(request.raw)
          if (options.app === undefined) answer(exchange, `the app answers ${exchange.head.target}`)
          else options.app(exchange)
        })
      },
      pipe: (exchange, socket, firstBytes) => {
        if (options.pipe === undefined) throw new Error('nobody expects a tunnel')
        options.pipe(exchange, socket, firstBytes)
      },
    }),
    ...options.rooms,
  })
  const [http, https] = [bindListener('127.0.0.1', 0, 'HTTP'), bindListener('127.0.0.1', 0, 'HTTPS')]
  await server.listen({ scheme: 'http', fd: http.fd })
  await server.listen({ scheme: 'https', fd: https.fd })
  t.teardown(() => server.drain({ limitMs: 0, tunnelsMs: 0, endingMs: 0 }))
  return { server, http: http.port, https: https.port }
}

const { privateKeyPem, chainPem } = await makeCertificate(HOST)
export const KEY_PAIR = { key: privateKeyPem, cert: chainPem }
export const ENTRY: ContextEntry = {
  context: tls.createSecureContext(KEY_PAIR),
  covers: (host) => host === HOST,
}
/** The root to trust: it is its own. */
export const ROOT = chainPem
const STORED = { outcome: 'stored' as const, entry: ENTRY }

export function answer(exchange: Exchange, body: string, headers: readonly string[] = []): void {
  const response = exchange.response as ServerResponse
  response.writeHead(200, [...headers, 'Content-Length', String(body.length)])
  response.end(body, 'latin1')
}

export type Talk = {
  readonly socket: Socket
  received(): string
  /** Resolves with all that was received, once it matches. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with all that was received, once the server has ended its side; ours stays open. Rejects on a reset. */
  ended: Promise<string>
}

/** Sends bytes as they are, one for each character, and never ends its own side. */
export function talk(t: Test, to: number | Socket, text: string): Talk {
  const socket = typeof to === 'number' ? connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }) : to
  t.teardown(() => socket.destroy())
  let received = ''
  const ended = new Promise<string>((resolve, reject) => {
    socket.on('end', () => resolve(received))
    socket.on('error', reject)
  })
  ended.catch(() => undefined)
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
  socket.write(text, 'latin1')
  return {
    socket,
    ended,
    received: () => received,
    async until(pattern) {
      while (!pattern.test(received)) {
        await Promise.race([new Promise((resolve) => socket.once('data', resolve)), ended])
        if (socket.readableEnded && !pattern.test(received)) throw new Error(`ended after: ${received}`)
      }
      return received
    },
  }
}

export const REQUEST = `HTTP/1.1\r\nHost: ${HOST}\r\n`
