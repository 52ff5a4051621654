import fastify, { type FastifyInstance } from 'fastify'
import { createServer, METHODS } from 'node:http'
import { codeOf } from '../errors.ts'
import { exchangeOf, type Exchange, type Incoming, type Outgoing } from '../request.ts'
import type { PageDetails } from './synth.ts'
import { WITHOUT_SCHEMAS } from '../without-schemas.ts'

export type App = {
  /** Hands a request to Fastify's router. */
  fetch(request: Incoming, response: Outgoing): void
  close(): Promise<void>
}

const ROUTED: ReadonlySet<string> = new Set(METHODS)

/**
 * The Fastify app: it begins where the stages end, at `fetch`, and holds what is for breadth and not for the hot path.
 * Its router always sees `/`, and a method that it knows: both have been judged already, and reach the app byte for byte.
 */
export async function createApp(
  register: (app: FastifyInstance) => void,
  fail: (exchange: Exchange, details: PageDetails) => void,
): Promise<App> {
  const app = fastify({
    ...WITHOUT_SCHEMAS,
    // Requests come from the stages: this server never has a connection.
    serverFactory: () => createServer(),
    logger: false,
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    // Bodies are streams with limits by class of path; Fastify never holds one.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: false,
  })
  app.setErrorHandler((error, request, reply) => {
    reply.hijack()
    fail(exchangeOf(request.raw), { status: 502, page: 'offline', reason: codeOf(error) })
  })
  register(app)
  await app.ready()
  return {
    fetch(request, response) {
      const line: { method?: string | undefined } = request
      if (!ROUTED.has(line.method ?? '')) line.method = 'POST'
      // HTTP/2 comes through Node's compatibility API, which Fastify knows; its type here speaks of HTTP/1.1 alone.
      app.routing(request as never, response as never)
    },
    close: () => app.close(),
  }
}
