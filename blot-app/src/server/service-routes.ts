import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isForwarded } from '../origin.ts'
import { isPermitted } from './permission.ts'
import { visitOf, type ServerContext } from './context.ts'

const hostName = /^(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?$/i

/** What other programs ask: whether we are alive, whether a name is ours, what happens. */
export function registerServiceRoutes(app: FastifyInstance, server: ServerContext): void {
  app.get('/health', (request, reply) => answerHealth(server, request, reply))

  app.get('/permission', { constraints: { site: 'loopback' } }, (request, reply) => {
    // Only programs of this machine may ask; whoever comes through an edge could ask for every name there is.
    if (isForwarded(request.raw)) return reply.callNotFound()
    return answerPermission(server, request, reply)
  })

  app.get('/webhooks', { constraints: { site: 'loopback' } }, (request, reply) => {
    if (isForwarded(request.raw)) return reply.callNotFound()
    return reply.header('cache-control', 'no-store').send(server.webhooks.counts)
  })

  for (const site of ['home', 'webhooks', 'loopback']) {
    app.get('/status', { constraints: { site }, exposeHeadRoute: false }, (_request, reply) => {
      if (server.status.isFull) return reply.code(503).header('retry-after', '30').send({ error: 'too many listeners' })
      reply.hijack()
      server.status.attach(reply.raw)
      return reply
    })
  }
}

/** Once we leave, an edge is told to send its requests elsewhere, or to keep them until somebody is here again. */
function answerHealth({ departure }: ServerContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.headers['user-agent']?.startsWith('blot-edge') === true) departure.asked(request.ip)
  reply.header('cache-control', 'no-store')
  if (!departure.isLeaving) return reply.send({ status: 'ok' })
  return reply.code(503).header('retry-after', '1').send({ status: 'leaving' })
}

function answerPermission(server: ServerContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { query } = visitOf(server, request.raw)
  const domain = new URLSearchParams(query).get('domain') ?? ''
  reply.header('cache-control', 'no-store')
  if (!hostName.test(domain)) return reply.code(400).send({ error: 'domain must be a host name' })
  const name = domain.toLowerCase().replace(/\.$/, '')
  const permitted = isPermitted(server.hosts(), name)
  return reply.code(permitted ? 200 : 404).send({ domain: name, permitted })
}
