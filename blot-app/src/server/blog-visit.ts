import type { FastifyReply } from 'fastify'
import { isPublicFile } from '../blogs/public-path.ts'
import { absoluteUrl, secureOrigin } from '../origin.ts'
import { renderMissing, renderTarget } from '../render/blog-pages.ts'
import type { Page, PageContext } from '../render/page.ts'
import type { ServerContext, Visit } from './context.ts'
import { deliverFile, deliverPage, type Delivery } from './deliver.ts'
import { openPublicFile } from './public-file.ts'
import { readUrlPath, type UrlPath } from './url-path.ts'

const fileControl = 'public, max-age=300, s-maxage=86400, stale-while-revalidate=60'
const redirectControl = 'public, max-age=0, s-maxage=86400'

/** Answers a visit to a blog: pages, files of its folder, and redirects to where a thing really is. */
export async function answerBlogVisit(
  server: ServerContext,
  delivery: Delivery,
  visit: Visit,
  context: PageContext,
): Promise<FastifyReply> {
  const { blog, audience } = context
  const { origin, rawPath, query } = visit
  if (audience === 'author') delivery.reply.header('x-robots-tag', 'noindex')
  if (audience === 'visitors' && blog.settings.forceSSL && origin.protocol === 'http') {
    return redirect(delivery, context, absoluteUrl(secureOrigin(origin), rawPath + query))
  }
  const path = readUrlPath(rawPath)
  if (path === undefined) return deliverPage(delivery, renderMissing(context), blog.modified)
  // A file of the author's wins over a document that we would make, as it does where the edge looks into the folder.
  const isFileFirst = path.file.includes('.') && path.target !== '/style.css'
  const fromFile = isFileFirst ? await deliverFolderFile(delivery, context, path, rawPath) : undefined
  if (fromFile !== undefined) return fromFile
  const page = renderTarget(context, path.target)
  if (page !== undefined && path.target !== rawPath && page.status === 200) {
    return redirect(delivery, context, path.target + query)
  }
  if (page !== undefined) return deliverAndKeep(server, delivery, { visit, context, target: path.target, page })
  const found = isFileFirst ? undefined : await deliverFolderFile(delivery, context, path, rawPath)
  return (
    found ?? redirectSource(delivery, context, path) ?? deliverPage(delivery, renderMissing(context), blog.modified)
  )
}

/** The edge may keep a redirect until the next purge, browsers may not: the address may mean something else tomorrow. */
export function redirect({ reply }: Delivery, { blog, audience }: Pick<PageContext, 'blog' | 'audience'>, to: string) {
  reply.header('cache-control', audience === 'author' ? 'no-store' : redirectControl)
  return reply.header('cache-tag', `blog:${blog.id}`).redirect(to, 301)
}

async function deliverFolderFile(
  delivery: Delivery,
  { blog, audience }: PageContext,
  { file: name }: UrlPath,
  rawPath: string,
): Promise<FastifyReply | undefined> {
  if (rawPath.endsWith('/')) return undefined
  const file = await openPublicFile(blog.folder, name, (path) => isPublicFile(path, audience))
  if (file === undefined) return undefined
  const cacheControl = audience === 'author' ? 'no-store' : fileControl
  return deliverFile(delivery, file, { name, cacheControl, tags: [`blog:${blog.id}`] })
}

/** Markdown files link to one another by name; the reader gets the page that was made of it. */
function redirectSource(delivery: Delivery, context: PageContext, { file }: UrlPath): FastifyReply | undefined {
  const post = context.blog.sources.get(file)
  if (post === undefined || (post.draft && context.audience === 'visitors')) return undefined
  return redirect(delivery, context, post.target)
}

interface Rendered {
  readonly visit: Visit
  readonly context: PageContext
  readonly target: string
  readonly page: Page
}

/** Delivers a page and leaves it in the cache folder, if this visitor saw what every other one would see. */
function deliverAndKeep(server: ServerContext, delivery: Delivery, { visit, context, target, page }: Rendered) {
  const { request } = delivery
  const { blog, template } = context
  const reply = deliverPage(delivery, page, blog.modified)
  const canonical = target === '/style.css' ? template.styleTarget : target
  const isPlain = request.method === 'GET' && !('cookie' in request.headers) && !('authorization' in request.headers)
  // Only one spelling of each URL is kept: else a stranger could fill the disk with others.
  const isKept = isPlain && reply.statusCode === 200 && page.shareable && visit.rawPath + visit.query === canonical
  if (!isKept || server.pages === undefined) return reply
  const { host, protocol: scheme } = visit.origin
  const { contentType, cacheControl } = page
  void server.pages.write({ host, scheme, target: canonical, contentType, cacheControl }, page.body, () => {
    const now = server.hosts().find(host)
    return now.kind === 'blog' && now.blog === blog
  })
  return reply
}
