import fastifyStatic from '@fastify/static'
import { fastify, type FastifyInstance } from 'fastify'
import { createServer } from 'node:http'
import type { AdminOptions } from './contracts.ts'
import { answerError, answerNotFound } from './failure.ts'
import { demandToken, refuseForeignHost, refuseCrossSite, setSecurityHeaders } from './protection.ts'
import { certificateRoutes } from './routes/certificates.ts'
import { eventRoutes } from './routes/events.ts'
import { explainRoutes } from './routes/explain.ts'
import { maintenanceRoutes } from './routes/maintenance.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { purgeRoutes } from './routes/purge.ts'
import { reloadRoutes } from './routes/reload.ts'
import { statusRoutes } from './routes/status.ts'
import { webhookRoutes } from './routes/webhooks.ts'
import { WITHOUT_SCHEMAS } from '../without-schemas.ts'

/** 1000 host names of 253 characters fit. */
const BODY_LIMIT_BYTES = 300 * 1024
const REQUEST_TIMEOUT_MS = 10_000
/** Longer than Prometheus and the dashboard are silent. */
const KEEP_ALIVE_MS = 72_000
const MAX_CONNECTIONS = 128

/**
 * The admin API and its dashboard, ready to listen on EDGE_ADMIN and nowhere else.
 * `close()` ends the event streams too.
 */
export async function createAdmin(options: AdminOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...WITHOUT_SCHEMAS,
    bodyLimit: BODY_LIMIT_BYTES,
    // Whoever opens it by its descriptor closes it, too: only what Fastify itself opened is closed with the app.
    serverFactory: (handler) =>
      createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS }, handler),
    // At a reload, whoever is connected to the manager of before is still answered.
    return503OnClosing: false,
  })
  app.server.maxConnections = MAX_CONNECTIONS
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerNotFound)
  app.addHook('onRequest', setSecurityHeaders)
  app.addHook('onRequest', refuseForeignHost)
  app.addHook('onRequest', refuseCrossSite)

  // The dashboard's files are open: they hold no data, and ask for the token themselves.
  await app.register(fastifyStatic, { root: new URL('./public/', import.meta.url), wildcard: false, maxAge: 0 })
  await app.register(purgeRoutes, options)
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', demandToken(options))
    await guarded.register(statusRoutes, options)
    await guarded.register(metricsRoutes, options)
    await guarded.register(explainRoutes, options)
    await guarded.register(eventRoutes, options)
    await guarded.register(certificateRoutes, options)
    await guarded.register(maintenanceRoutes, options)
    await guarded.register(reloadRoutes, options)
    await guarded.register(webhookRoutes, options)
  })
  return app
}
