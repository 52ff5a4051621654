import type { FastifyInstance } from 'fastify'
import { ExplainInvalid } from '../../errors.ts'
import type { AdminOptions } from '../contracts.ts'
import { parseExplainQuery } from '../explain-request.ts'

/** `GET /explain?url=…`: what the edge would do with a request, and why. */
export async function explainRoutes(app: FastifyInstance, options: Pick<AdminOptions, 'explain'>): Promise<void> {
  app.get('/explain', { exposeHeadRoute: false }, async (request, reply) => {
    const question = parseExplainQuery(request.url)
    if ('error' in question) throw new ExplainInvalid(question.error)
    reply.header('cache-control', 'no-store')
    return options.explain(question)
  })
}
