import { absoluteUrl } from '../origin.ts'
import { entityTag, htmlType } from '../render/page.ts'
import { baseTemplate, templateFor } from '../render/template.ts'
import type { ServerContext, Visit } from './context.ts'
import type { Delivery } from './deliver.ts'
import { isNotModified } from './conditional.ts'

const mostListedBlogs = 200

/** The platform's own page: which blogs there are. It names ports, so it is made for each visitor. */
export function answerHome(server: ServerContext, { request, reply }: Delivery, visit: Visit): void {
  if (visit.rawPath !== '/') return answerUnknown(server, { request, reply })
  const { hosts, config } = server
  const names = hosts().names.slice(0, mostListedBlogs)
  const blogs = names.map(({ blog, domains }) => ({
    title: blog.settings.title,
    description: blog.settings.description,
    url: absoluteUrl(visit.origin, '/', domains[0] ?? `${blog.handle}.${config.host}`),
    posts: blog.posts.length === 1 ? '1 post' : `${blog.posts.length} posts`,
  }))
  const template = templateFor(server.templates, baseTemplate)
  const body = template.render('home', { host: config.host, blogs, isEmpty: blogs.length === 0, style: template.style })
  const etag = entityTag(body)
  reply.header('content-type', htmlType).header('cache-control', 'no-cache').header('etag', etag)
  // No date is given, so only the tag can match.
  if (isNotModified({ 'if-none-match': request.headers['if-none-match'] }, { etag, modified: new Date() }))
    reply.code(304).send()
  else reply.send(body)
}

/** A host or path that nobody has. */
export function answerUnknown(server: ServerContext, delivery: Delivery): void {
  return answerNotice(server, delivery, {
    status: 404,
    title: 'Nothing here',
    text: 'There is no site or page at this address.',
  })
}

export interface Notice {
  readonly status: number
  readonly title: string
  readonly text: string
}

/** A page of the platform's own that says one thing and is never kept. */
export function answerNotice(server: ServerContext, { reply }: Delivery, notice: Notice): void {
  const template = templateFor(server.templates, baseTemplate)
  reply.code(notice.status).header('content-type', htmlType).header('cache-control', 'no-store')
  reply.send(template.render('notice', { ...notice, style: template.style }))
}
