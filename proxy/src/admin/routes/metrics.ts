import type { FastifyInstance } from 'fastify'
import type { AdminOptions } from '../contracts.ts'
import { createCensusTaker } from '../certificate-census.ts'
import { DURATION_BOUNDS_S } from '../metrics.ts'
import { PROMETHEUS_TYPE, renderPrometheus } from '../prometheus.ts'

type Options = Pick<AdminOptions, 'version' | 'metrics' | 'certificates' | 'maintenance' | 'webhooks'>

/** `GET /metrics`: Prometheus's text, or JSON for who asks for `application/json` (the dashboard). */
export async function metricsRoutes(app: FastifyInstance, options: Options): Promise<void> {
  const { version, metrics, certificates, maintenance, webhooks } = options
  const census = createCensusTaker(() => certificates.list())

  app.get('/metrics', async (request, reply) => {
    const merged = await metrics()
    reply.headers({ 'cache-control': 'no-store', vary: 'accept' })
    if (request.headers.accept === 'application/json')
      return { ...merged, certificates: census.read(), durationBoundsSeconds: DURATION_BOUNDS_S }
    const state = {
      census: census.read(),
      inMaintenance: (await maintenance.view()).on,
      // While the store is away, which others say, nobody knows.
      webhooks: await webhooks.counts().catch(() => undefined),
    }
    return reply.type(PROMETHEUS_TYPE).send(renderPrometheus(merged, version, state))
  })
}
