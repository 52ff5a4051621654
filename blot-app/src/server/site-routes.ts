import type { FastifyInstance } from 'fastify'
import type { Blog } from '../blogs/model.ts'
import { isPublicFile } from '../blogs/public-path.ts'
import { absoluteUrl, secureOrigin } from '../origin.ts'
import type { PageContext } from '../render/page.ts'
import { blogTag } from '../render/tags.ts'
import { templateFor } from '../render/template.ts'
import { answerBlogVisit, redirect } from './blog-visit.ts'
import { visitOf, type ServerContext, type Visit } from './context.ts'
import { deliverFile, type Delivery } from './deliver.ts'
import { answerHome, answerUnknown } from './platform-visit.ts'
import { openPublicFile, type PublicFile } from './public-file.ts'
import { readUrlPath } from './url-path.ts'

const cdnControl = 'public, max-age=31536000'

/** Everything that visitors of sites ask for. */
export function registerSiteRoutes(app: FastifyInstance, server: ServerContext): void {
  app.route({
    // The framework's own HEAD route would forget the length of a file.
    method: ['GET', 'HEAD'],
    url: '/*',
    async handler(request, reply) {
      await answerVisit(server, { request, reply }, visitOf(server, request.raw))
      return reply
    },
  })
}

async function answerVisit(server: ServerContext, delivery: Delivery, visit: Visit): Promise<void> {
  const { site, origin, rawPath, query } = visit
  switch (site.kind) {
    case 'blog':
      return answerBlogVisit(server, delivery, visit, pageContext(server, visit, site.blog))
    case 'preview':
      return answerBlogVisit(server, delivery, visit, pageContext(server, visit, site.blog, site.template))
    case 'moved': {
      // Where https is wanted as well, that is one redirect and not two.
      const there = site.blog.settings.forceSSL && origin.protocol === 'http' ? secureOrigin(origin) : origin
      const to = absoluteUrl(there, rawPath + query, site.host)
      return redirect(delivery, { blog: site.blog, audience: 'visitors', origin }, to)
    }
    case 'home':
    case 'loopback':
      return answerHome(server, delivery, visit)
    case 'cdn':
      return answerCdn(server, delivery, visit)
    case 'webhooks':
    case 'unknown':
    default:
      return answerUnknown(server, delivery)
  }
}

function pageContext(server: ServerContext, { origin }: Visit, blog: Blog, preview?: string): PageContext {
  const template = templateFor(server.templates, preview ?? blog.settings.template)
  return { blog, template, origin, audience: preview === undefined ? 'visitors' : 'author' }
}

/** `cdn.<host>/<blog ID>/<path>`: what the app made for a blog, then the files of its folder. */
async function answerCdn(server: ServerContext, delivery: Delivery, { rawPath, origin }: Visit): Promise<void> {
  if (rawPath === '/') return void delivery.reply.redirect(absoluteUrl(origin, '/', server.config.host), 301)
  const [id = '', ...segments] = readUrlPath(rawPath)?.file.split('/') ?? []
  const blog = server.hosts().findById(id)
  const name = segments.join('/')
  const file = blog && (await openCdnFile(server, blog, name))
  if (blog === undefined || file === undefined) return answerUnknown(server, delivery)
  delivery.reply.header('access-control-allow-origin', '*')
  return deliverFile(delivery, file, { name, cacheControl: cdnControl, tags: [blogTag(blog.id)] })
}

async function openCdnFile(server: ServerContext, blog: Blog, name: string): Promise<PublicFile | undefined> {
  const isPublic = (path: string): boolean => isPublicFile(path, 'visitors')
  const made = await openPublicFile(server.staticFiles.folderOf(blog.id), name, isPublic)
  return made ?? openPublicFile(blog.folder, name, isPublic)
}
