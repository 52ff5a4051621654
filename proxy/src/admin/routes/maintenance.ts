import type { FastifyInstance } from 'fastify'
import { MaintenanceInvalid } from '../../errors.ts'
import type { AdminMaintenance } from '../contracts.ts'
import { parseMaintenance } from '../maintenance-request.ts'

type Options = { readonly maintenance: AdminMaintenance }

/** `GET /maintenance`, and `POST /maintenance`, which answers when every worker of this machine knows. */
export async function maintenanceRoutes(app: FastifyInstance, { maintenance }: Options): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get('/maintenance', { exposeHeadRoute: false }, () => maintenance.view())

  app.post('/maintenance', (request) => {
    const order = parseMaintenance(request.body)
    if ('error' in order) throw new MaintenanceInvalid(order.error)
    return maintenance.set(order)
  })
}
