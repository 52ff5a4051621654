import type { Post } from '../blogs/model.ts'
import { isPublicFile } from '../blogs/public-path.ts'
import { absoluteUrl, secureOrigin } from '../origin.ts'
import { renderMissing, renderTarget } from '../render/blog-pages.ts'
import type { Page, PageContext } from '../render/page.ts'
import { blogTag, kindTag } from '../render/tags.ts'
import type { ServerContext, Visit } from './context.ts'
import { deliverFile, deliverPage, type Delivery } from './deliver.ts'
import { openPublicFile, type PublicFile } from './public-file.ts'
import { readUrlPath, type UrlPath } from './url-path.ts'

const fileControl = 'public, max-age=300, s-maxage=86400, stale-while-revalidate=60'
const redirectControl = 'public, max-age=0, s-maxage=86400'

/** What a path of a blog turns out to be. */
type Found =
  | { readonly kind: 'file'; readonly file: PublicFile; readonly name: string }
  | { readonly kind: 'page'; readonly page: Page; readonly target: string }
  | { readonly kind: 'moved'; readonly target: string }
  | { readonly kind: 'missing' }

/** Answers a visit to a blog: pages, files of its folder, and redirects to where a thing really is. */
export async function answerBlogVisit(
  server: ServerContext,
  delivery: Delivery,
  visit: Visit,
  context: PageContext,
): Promise<void> {
  const { blog, audience } = context
  const { origin, rawPath, query } = visit
  if (audience === 'author') delivery.reply.header('x-robots-tag', 'noindex')
  if (audience === 'visitors' && blog.settings.forceSSL && origin.protocol === 'http') {
    return redirect(delivery, context, absoluteUrl(secureOrigin(origin), rawPath + query))
  }
  const found = await find(context, visit)
  switch (found.kind) {
    case 'file': {
      const cacheControl = audience === 'author' ? 'no-store' : fileControl
      return deliverFile(delivery, found.file, { name: found.name, cacheControl, tags: [blogTag(blog.id)] })
    }
    case 'page':
      deliverPage(delivery, found.page, blog.modified)
      return keepPage(server, delivery, { visit, context, ...found })
    case 'moved':
      return redirect(delivery, context, found.target + query)
    case 'missing':
    default:
      return deliverPage(delivery, renderMissing(context), blog.modified)
  }
}

/** The edge may keep a redirect until the next purge, browsers may not: tomorrow the address may mean something else. */
export function redirect(
  { reply }: Delivery,
  { blog, audience, origin }: Pick<PageContext, 'blog' | 'audience' | 'origin'>,
  to: string,
): void {
  // A port that only this visitor named must not send others there.
  const isTheirs = audience === 'author' || (!origin.trusted && !to.startsWith('/'))
  reply.header('cache-control', isTheirs ? 'no-store' : redirectControl)
  reply.header('cache-tag', [blogTag(blog.id), kindTag('moved', blog.id)].join(',')).redirect(to, 301)
}

async function find(context: PageContext, { rawPath, query }: Visit): Promise<Found> {
  const path = readUrlPath(rawPath)
  if (path === undefined) return { kind: 'missing' }
  const asked = rawPath + query
  // A file of the author's wins over a document that we would make, as it does where the edge looks into the folder.
  if (path.file.includes('.') && path.target !== '/style.css') {
    return (await findFile(context, path, rawPath)) ?? findPage(context, path, asked) ?? findSource(context, path)
  }
  return findPage(context, path, asked) ?? (await findFile(context, path, rawPath)) ?? findSource(context, path)
}

async function findFile({ blog, audience }: PageContext, path: UrlPath, rawPath: string): Promise<Found | undefined> {
  if (rawPath.endsWith('/')) return undefined
  const file = await openPublicFile(blog.folder, path.file, (name) => isPublicFile(name, audience))
  return file && { kind: 'file', file, name: path.file }
}

/** @param asked Path and query as they were sent. */
function findPage(context: PageContext, { target }: UrlPath, asked: string): Found | undefined {
  const page = renderTarget(context, target)
  if (page === undefined) return undefined
  if (asked.split('?')[0] !== target && page.status === 200) return { kind: 'moved', target }
  // Only the address that names the style sheet's content may be kept for ever.
  const isPassing = target === '/style.css' && context.audience === 'visitors' && asked !== context.template.styleTarget
  return { kind: 'page', page: isPassing ? { ...page, cacheControl: fileControl } : page, target }
}

/** Markdown files link to one another by name; the reader gets the page that was made of it. */
function findSource({ blog, audience }: PageContext, { file }: UrlPath): Found {
  const post: Post | undefined = blog.sources.get(file)
  const isVisible = post !== undefined && (!post.draft || audience === 'author')
  return isVisible ? { kind: 'moved', target: post.target } : { kind: 'missing' }
}

interface Rendered {
  readonly visit: Visit
  readonly context: PageContext
  readonly target: string
  readonly page: Page
}

/** Leaves a page in the cache folder, if this visitor saw what every other one would see. */
function keepPage(
  server: ServerContext,
  { request, reply }: Delivery,
  { visit, context, target, page }: Rendered,
): void {
  const { blog, template } = context
  const canonical = target === '/style.css' ? template.styleTarget : target
  const isPlain = request.method === 'GET' && !('cookie' in request.headers) && !('authorization' in request.headers)
  // Only one spelling of each URL is kept: else a stranger could fill the disk with others.
  const isKept = isPlain && reply.statusCode === 200 && page.shareable && visit.rawPath + visit.query === canonical
  if (!isKept || server.pages === undefined) return
  const { host, protocol: scheme } = visit.origin
  const { contentType, cacheControl } = page
  void server.pages.write({ host, scheme, target: canonical, contentType, cacheControl }, page.body, () => {
    const now = server.hosts().find(host)
    return now.kind === 'blog' && now.blog === blog
  })
}
