import type { FastifyInstance } from 'fastify'
import { AdminTooManyClients } from '../../errors.ts'
import type { AdminOptions } from '../contracts.ts'
import { createEventFeed } from '../event-feed.ts'

/** `GET /events`: server-sent events, the recent ones first. */
export async function eventRoutes(app: FastifyInstance, { onEvent }: Pick<AdminOptions, 'onEvent'>): Promise<void> {
  const feed = createEventFeed(onEvent)
  // Before the listener waits for its connections to end.
  app.addHook('preClose', async () => feed.close())

  app.get('/events', { exposeHeadRoute: false }, (request, reply) => {
    const lastId = request.headers['last-event-id']
    const stream = feed.open(typeof lastId === 'string' ? lastId : undefined)
    if (stream === undefined) throw new AdminTooManyClients()
    return reply.headers({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).send(stream)
  })
}
