import type { FastifyInstance } from 'fastify'
import { isSignedByDropbox } from '../webhooks/signature.ts'
import type { ServerContext } from './context.ts'

const address = '/clients/dropbox/webhook'
const limitBytes = 1_000_000

/** Dropbox asks once whether we are there and then tells us that files have changed. */
export async function registerWebhookRoutes(app: FastifyInstance, server: ServerContext): Promise<void> {
  await app.register(async (scope) => {
    // The signature covers the raw bytes, so nothing may parse them.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    for (const site of ['home', 'loopback']) registerOn(scope, server, site)
  })
}

function registerOn(scope: FastifyInstance, server: ServerContext, site: string): void {
  const { config, library, log, webhooks } = server
  scope.get<{ Querystring: { challenge?: string | string[] } }>(
    address,
    { constraints: { site } },
    (request, reply) => {
      const { challenge } = request.query
      if (typeof challenge !== 'string') return reply.code(400).send({ error: 'challenge is missing' })
      return reply
        .header('content-type', 'text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(challenge)
    },
  )
  scope.post(address, { constraints: { site }, bodyLimit: limitBytes }, (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const signature = request.headers['x-dropbox-signature']
    const isSigned = config.dropboxSecret !== undefined && isSignedByDropbox(body, signature, config.dropboxSecret)
    if (!isSigned) return reply.code(403).send({ error: 'the signature is wrong' })
    const id = request.headers['edge-webhook-id']
    if (webhooks.isRepeated(id)) return reply.send({ status: 'known' })
    // Dropbox waits ten seconds for an answer, so it has one before we look at the folders.
    reply.raw.once('finish', () => {
      library
        .rescanAll()
        .then(() => webhooks.add(id))
        .catch((error: unknown) => log.error({ err: error }, 'sync failed'))
    })
    return reply.send({ status: 'ok' })
  })
}
