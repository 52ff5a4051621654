import type { FastifyInstance } from 'fastify'
import type { AdminOptions } from '../contracts.ts'
import { createCensusTaker } from '../certificate-census.ts'
import { DURATION_BOUNDS_S } from '../metrics.ts'
import { PROMETHEUS_TYPE, renderPrometheus } from '../prometheus.ts'

type Options = Pick<AdminOptions, 'version' | 'status' | 'metrics' | 'certificates'>

/** `GET /metrics`: Prometheus's text, or JSON for who asks for `application/json` (the dashboard). */
export async function metricsRoutes(app: FastifyInstance, options: Options): Promise<void> {
  const { version, status, metrics, certificates } = options
  const census = createCensusTaker(() => certificates.list())

  app.get('/metrics', async (request, reply) => {
    const merged = await metrics()
    reply.headers({ 'cache-control': 'no-store', vary: 'accept' })
    if (request.headers.accept === 'application/json')
      return { ...merged, certificates: census.read(), durationBoundsSeconds: DURATION_BOUNDS_S }
    const { upstreams, webhooks, maintenance } = await status()
    const state = { census: census.read(), inMaintenance: maintenance?.on === true, webhooks, upstreams }
    return reply.type(PROMETHEUS_TYPE).send(renderPrometheus(merged, version, state))
  })
}
