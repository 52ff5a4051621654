import type { FastifyInstance } from 'fastify'
import { AdminCrossSite, PurgeInvalid } from '../../errors.ts'
import type { Purge } from '../../purge.ts'
import type { AdminOptions } from '../contracts.ts'
import { isCrossSite } from '../origin.ts'
import { demandPurgeToken } from '../protection.ts'
import type { Wrong } from '../purge-names.ts'
import { parsePurgeQuery, renderPurge, toPurgeAnswer } from '../purge-request.ts'

type Options = Pick<AdminOptions, 'token' | 'purgeToken' | 'purge'>

/**
 * `GET /purge?host=…` as Blot's app calls it, and `POST /purge` in JSON. 202 instead of 200 while other machines have yet to
 * hear of it (RFC 9110 15.3.3).
 */
export async function purgeRoutes(app: FastifyInstance, options: Options): Promise<void> {
  app.addHook('onRequest', demandPurgeToken(options))
  // Here a GET changes something too: an image on another site's page would purge.
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (isCrossSite(headers)) throw new AdminCrossSite()
    reply.header('cache-control', 'no-store')
  })

  app.get('/purge', { exposeHeadRoute: false }, async (request, reply) => {
    const purge = orThrow(parsePurgeQuery(request.url))
    const outcome = await options.purge(purge)
    return reply
      .code(outcome.pending ? 202 : 200)
      .type('text/plain; charset=utf-8')
      .send(renderPurge(purge, outcome))
  })

  app.post('/purge', async (request, reply) => {
    // Loaded when it is needed: it would be the largest part of the manager's start.
    const { parsePurgeBody } = await import('../purge-body.ts')
    const purge = orThrow(parsePurgeBody(request.body))
    const outcome = await options.purge(purge)
    return reply.code(outcome.pending ? 202 : 200).send(toPurgeAnswer(purge, outcome))
  })
}

function orThrow(parsed: Purge | Wrong): Purge {
  if ('error' in parsed) throw new PurgeInvalid(parsed.error)
  return parsed
}
