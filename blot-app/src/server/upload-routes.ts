import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { removeAbandoned } from '../files.ts'
import { receiveUpload, UploadRefused } from '../uploads/receive-upload.ts'
import { uploadSegments } from '../uploads/upload-path.ts'
import { isEqualSecret } from '../webhooks/signature.ts'
import { visitOf, type ServerContext } from './context.ts'

const limitBytes = 1_000_000_000
const mostAtOnce = 16

/** `PUT /sites/<handle>/files/<path>`: one file into a blog's folder, streamed. */
export async function registerUploadRoutes(app: FastifyInstance, server: ServerContext): Promise<void> {
  const temporaryFolder = path.join(server.config.dataDirectory, 'uploads')
  await mkdir(temporaryFolder, { recursive: true })
  await removeAbandoned(temporaryFolder)
  let running = 0

  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.put('/sites/:handle/files/*', async (request, reply) => {
      refuseStranger(server, request)
      if (running >= mostAtOnce) throw new UploadRefused(503, 'too many uploads at once')
      running += 1
      try {
        return await receive(server, request, reply, temporaryFolder)
      } finally {
        running -= 1
      }
    })
    scope.setErrorHandler((error, request, reply) => answerRefusal(error, request, reply))
  })
}

function refuseStranger({ config }: ServerContext, request: FastifyRequest): void {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  const isKnown = config.uploadToken !== undefined && token !== undefined && isEqualSecret(token, config.uploadToken)
  if (!isKnown) throw new UploadRefused(403, 'a valid upload token is needed')
}

async function receive(server: ServerContext, request: FastifyRequest, reply: FastifyReply, temporaryFolder: string) {
  const { site, rawPath } = visitOf(server, request.raw)
  const [, handle = '', rawFile = ''] = /^\/sites\/([a-z0-9-]+)\/files\/(.+)$/.exec(rawPath) ?? []
  const blog = site.kind === 'unknown' ? undefined : server.library.blogs.get(handle)
  if (blog === undefined) throw new UploadRefused(404, 'there is no such blog')
  const segments = uploadSegments(rawFile)
  if (segments === undefined) throw new UploadRefused(400, 'the path must name a visible file inside the blog')
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
    throw new UploadRefused(413, `a file may have at most ${limitBytes} bytes`)
  }
  const outcome = await receiveUpload({ body: request.raw, folder: blog.folder, segments, temporaryFolder, limitBytes })
  return outcome === 'created' ? reply.code(201).send({ path: segments.join('/') }) : reply.code(204).send()
}

function answerRefusal(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // The rest of a refused body is not worth reading.
  reply.header('connection', 'close')
  if (error instanceof UploadRefused) {
    if (error.status === 503) reply.header('retry-after', '30')
    return reply.code(error.status).send({ error: error.message })
  }
  if (!request.raw.destroyed || request.raw.complete) request.log.error({ err: error }, 'upload failed')
  return reply.code(500).send({ error: 'the file was not stored' })
}
