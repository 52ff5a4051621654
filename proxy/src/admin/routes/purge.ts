import type { FastifyInstance } from 'fastify'
import { AdminCrossSite, PurgeInvalid } from '../../errors.ts'
import type { AdminOptions } from '../contracts.ts'
import { isCrossSite } from '../origin.ts'
import { demandPurgeToken } from '../protection.ts'
import { parsePurgeBody, parsePurgeQuery, renderPurge } from '../purge-request.ts'

type Options = Pick<AdminOptions, 'token' | 'purgeToken' | 'purge'>

/** `GET /purge?host=…` as Blot's app calls it, and `POST /purge` in JSON. */
export async function purgeRoutes(app: FastifyInstance, options: Options): Promise<void> {
  app.addHook('onRequest', demandPurgeToken(options))
  // Here a GET changes something too: an image on another site's page would purge.
  app.addHook('onRequest', async ({ headers }) => {
    if (isCrossSite(headers)) throw new AdminCrossSite()
  })

  app.get('/purge', { exposeHeadRoute: false }, async (request, reply) => {
    const hosts = orThrow(parsePurgeQuery(request.url))
    const counts = await options.purge(hosts)
    return reply.headers({ 'cache-control': 'no-store' }).type('text/plain; charset=utf-8').send(renderPurge(counts))
  })

  app.post('/purge', (request) => options.purge(orThrow(parsePurgeBody(request.body))).then(toJson))
}

function toJson(counts: ReadonlyMap<string, number>): { hosts: Record<string, number>; entries: number } {
  let entries = 0
  for (const count of counts.values()) entries += count
  return { hosts: Object.fromEntries(counts), entries }
}

function orThrow<Parsed extends object>(parsed: Parsed | { error: string }): Parsed {
  if ('error' in parsed) throw new PurgeInvalid(parsed.error)
  return parsed
}
