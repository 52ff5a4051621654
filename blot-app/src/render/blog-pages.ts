import type { Post } from '../blogs/model.ts'
import { renderFeed, renderRobots, renderSitemap } from './documents.ts'
import { indexPages, neighboursOf, pagesOfTag, visiblePosts, type ListPage } from './lists.ts'
import { makePage, type Page, type PageContext } from './page.ts'
import { kindTag, pageTag } from './tags.ts'
import { layoutView, listingView, postView, yearViews } from './views.ts'

/**
 * The page of a blog at a canonical URL, or undefined where it has none.
 * @param target Percent-encoded path without query.
 */
export function renderTarget(context: PageContext, target: string): Page | undefined {
  switch (target) {
    case '/archives':
      return renderArchives(context)
    case '/feed.rss':
      return renderFeed(context)
    case '/sitemap.xml':
      return renderSitemap(context)
    case '/robots.txt':
      return renderRobots(context)
    case '/style.css':
      return renderStyle(context)
    default:
      return renderList(context, target) ?? renderPost(context, target) ?? renderBroken(context, target)
  }
}

export function renderMissing(context: PageContext): Page {
  const { template } = context
  const body = template.render('missing', layoutView(context, 'Not found'))
  return makePage(context, { kind: 'missing', body, tags: [kindTag('missing', context.blog.id)] })
}

function renderList(context: PageContext, target: string): Page | undefined {
  const page = findList(context, target)
  if (page === undefined) return undefined
  const { blog, template } = context
  const name = page.tag?.name
  const place = page.number === 1 ? [] : [`page ${page.number}`]
  const title = [...(name === undefined ? [] : [name]), ...place].join(', ')
  const view = { ...layoutView(context, title), ...listingView(page) }
  const body = template.render(page.tag === undefined ? 'index' : 'tag', view)
  return makePage(context, { kind: 'page', body, tags: [pageTag('list', blog.id, target)] })
}

function findList({ blog, audience }: PageContext, target: string): ListPage | undefined {
  const posts = visiblePosts(blog, audience)
  const [, tagTarget] = /^(\/tagged\/[^/]+)(?:\/page\/\d+)?$/.exec(target) ?? []
  const isIndex = target === '/' || /^\/page\/\d+$/.test(target)
  const pages = tagTarget !== undefined ? pagesOfTag(posts, tagTarget) : isIndex ? indexPages(posts) : []
  return pages.find((page) => page.target === target)
}

function renderPost(context: PageContext, target: string): Page | undefined {
  const { blog, template, audience } = context
  const post = blog.targets.get(target)
  if (post === undefined || !isVisible(post, audience)) return undefined
  const neighbours = neighboursOf(visiblePosts(blog, audience), post)
  const layout = layoutView(context, post.title, post.summary)
  const body = template.render('post', { ...layout, post: postView(post), ...neighbours })
  return makePage(context, { kind: 'page', body, tags: [pageTag('post', blog.id, target)] })
}

function isVisible(post: Post, audience: PageContext['audience']): boolean {
  return !post.draft || audience === 'author'
}

function renderBroken(context: PageContext, target: string): Page | undefined {
  const broken = context.blog.broken.get(target)
  if (broken === undefined) return undefined
  const view = { ...layoutView(context, 'This page needs mending'), broken }
  return makePage(context, { kind: 'broken', body: context.template.render('broken', view) })
}

function renderArchives(context: PageContext): Page {
  const { blog, template, audience } = context
  const view = { ...layoutView(context, 'Archives'), years: yearViews(visiblePosts(blog, audience)) }
  return makePage(context, {
    kind: 'page',
    body: template.render('archives', view),
    tags: [pageTag('list', blog.id, '/archives')],
  })
}

function renderStyle(context: PageContext): Page {
  return makePage(context, { kind: 'style', body: context.template.style, contentType: 'text/css; charset=utf-8' })
}
