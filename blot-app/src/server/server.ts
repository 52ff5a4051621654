import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { visitOf, type ServerContext } from './context.ts'
import { answerNotice } from './platform-visit.ts'
import { registerServiceRoutes } from './service-routes.ts'
import { registerSiteRoutes } from './site-routes.ts'
import { registerUploadRoutes } from './upload-routes.ts'
import { registerWebhookRoutes } from './webhook-routes.ts'

const bodyLimitBytes = 1_000_000
const maintenanceSeconds = 60
// The edge keeps idle connections for less than this, so it is always the side that lets go.
const keepAliveMs = 75_000

const notices = {
  400: { title: 'Not understood', text: 'The request is not one that this server understands.' },
  405: { title: 'Not allowed', text: 'This address can only be read.' },
  500: { title: 'Something broke', text: 'This page could not be made. The fault has been noted.' },
  503: { title: 'Back in a moment', text: 'We are working on this site. Please come again in a minute.' },
}

export async function createServer(server: ServerContext): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: server.log,
    bodyLimit: bodyLimitBytes,
    keepAliveTimeout: keepAliveMs,
    // While draining, what has already reached us is answered like everything else.
    return503OnClosing: false,
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    routerOptions: { maxParamLength: 4096, constraints: { site: siteConstraint(server) } },
    frameworkErrors: (_error, request, reply) => {
      answerNotice(server, { request, reply }, { status: 400, ...notices[400] })
    },
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    // Nobody shall count on this connection any more.
    if (server.departure.isLeaving) reply.header('connection', 'close')
    if (server.config.maintenance && !/^\/(?:health|permission)(?:\?|$)/.test(request.url)) {
      reply.header('retry-after', String(maintenanceSeconds))
      answerNotice(server, { request, reply }, { status: 503, ...notices[503] })
      return reply
    }
    return undefined
  })
  setFallbacks(app, server)
  registerServiceRoutes(app, server)
  await registerWebhookRoutes(app, server)
  await registerUploadRoutes(app, server)
  registerSiteRoutes(app, server)
  return app
}

function setFallbacks(app: FastifyInstance, server: ServerContext): void {
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD') {
      return answerNotice(
        server,
        { request, reply },
        { status: 404, title: 'Nothing here', text: 'There is no page at this address.' },
      )
    }
    reply.header('allow', 'GET, HEAD')
    return answerNotice(server, { request, reply }, { status: 405, ...notices[405] })
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500)
      request.log.error({ err: error, host: request.headers.host, target: request.url }, 'request failed')
    const notice = status >= 500 ? notices[500] : notices[400]
    return answerNotice(server, { request, reply }, { status, ...notice })
  })
}

/** Lets a route exist for one kind of site only: a blog may have a post called "status". */
function siteConstraint(server: ServerContext) {
  return {
    name: 'site',
    storage<Handler>() {
      const handlers = new Map<unknown, Handler>()
      return {
        get: (kind: unknown) => handlers.get(kind) ?? null,
        set: (kind: unknown, handler: Handler) => void handlers.set(kind, handler),
      }
    },
    validate: () => undefined,
    deriveConstraint: (request: Parameters<typeof visitOf>[1]) => visitOf(server, request).site.kind,
  }
}

function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}
