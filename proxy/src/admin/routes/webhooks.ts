import type { FastifyInstance } from 'fastify'
import { WebhookRequestInvalid } from '../../errors.ts'
import type { AdminWebhooks, WebhookState } from '../contracts.ts'
import { NDJSON, streamLines } from '../lines.ts'
import { firstOf, parseWebhookDrop, parseWebhookList, type Parsed } from '../webhook-request.ts'

type Options = { readonly webhooks: AdminWebhooks }
type Named = { Params: { id: string } }

/** What waits for the app, what was given up, and what may be done about it. Bodies and headers are never told. */
export async function webhookRoutes(app: FastifyInstance, { webhooks }: Options): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const dropAll = async (state: WebhookState) => ({ dropped: await webhooks.dropAll(state) })

  app.get('/webhooks', { exposeHeadRoute: false }, async (request, reply) => {
    const { state, limit } = orThrow(parseWebhookList(request.query))
    const found = webhooks.list(state)
    if (request.headers.accept === NDJSON) return reply.type(NDJSON).send(streamLines(found))
    const [counts, first] = await Promise.all([webhooks.counts(), firstOf(found, limit)])
    return { ...counts, webhooks: first }
  })

  app.post('/webhooks/retry', async () => ({ retried: await webhooks.retryAll() }))

  app.delete('/webhooks', ({ query }) => dropAll(orThrow(parseWebhookDrop(query))))

  app.post<Named>('/webhooks/:id/retry', ({ params }) => webhooks.retry(params.id))

  app.delete<Named>('/webhooks/:id', async ({ params }, reply) => {
    await webhooks.drop(params.id)
    return reply.code(204).send()
  })
}

function orThrow<Value>(parsed: Parsed<Value>): Value {
  if ('error' in parsed) throw new WebhookRequestInvalid(parsed.error)
  return parsed.value
}
