import { absoluteUrl, type Origin } from '../origin.ts'
import { escapeMarkup, withoutControls } from './escape.ts'
import { feedPosts, visiblePosts } from './lists.ts'
import { pageTag } from './tags.ts'
import { makePage, type Page, type PageContext } from './page.ts'

// sitemaps.org allows 50,000 URLs in a file.
const longestSitemap = 50_000

/** RSS 2.0 with whole texts. */
export function renderFeed(context: PageContext): Page {
  const { blog, template, audience, origin } = context
  const posts = feedPosts(visiblePosts(blog, audience)).map((post) => ({
    title: post.title,
    url: absoluteUrl(origin, post.target),
    published: post.date.toUTCString(),
    tags: post.tags,
    content: withAbsoluteAddresses(post.html, origin),
  }))
  const view = {
    blog: blog.settings,
    home: absoluteUrl(origin, '/'),
    self: absoluteUrl(origin, '/feed.rss'),
    posts,
  }
  return makePage(context, {
    kind: 'page',
    body: withoutControls(template.render('feed', view)),
    contentType: 'application/rss+xml; charset=utf-8',
    tags: [pageTag('list', blog.id, '/feed.rss')],
    absolute: true,
  })
}

export function renderSitemap(context: PageContext): Page {
  const { blog, audience, origin } = context
  const targets = ['/', '/archives', ...visiblePosts(blog, audience).map((post) => post.target)].slice(
    0,
    longestSitemap,
  )
  const urls = targets.map((target) => `  <url><loc>${escapeMarkup(absoluteUrl(origin, target))}</loc></url>`)
  const body = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
    ...urls,
    '</urlset>',
    '',
  ].join('\n')
  const contentType = 'application/xml; charset=utf-8'
  return makePage(context, {
    kind: 'page',
    body,
    contentType,
    tags: [pageTag('list', blog.id, '/sitemap.xml')],
    absolute: true,
  })
}

export function renderRobots(context: PageContext): Page {
  const { audience, origin } = context
  const body =
    audience === 'author'
      ? 'User-agent: *\nDisallow: /\n'
      : `User-agent: *\nDisallow:\n\nSitemap: ${absoluteUrl(origin, '/sitemap.xml')}\n`
  return makePage(context, { kind: 'page', body, contentType: 'text/plain; charset=utf-8', absolute: true })
}

/** Feed readers have no page to resolve addresses against. */
function withAbsoluteAddresses(html: string, origin: Origin): string {
  return html.replaceAll(/(\s(?:src|href)=")(\/(?!\/)[^"]*)"/g, (_, start: string, address: string) => {
    return `${start}${absoluteUrl(origin, address.replaceAll('&amp;', '&')).replaceAll('&', '&amp;')}"`
  })
}
