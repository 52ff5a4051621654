import type { Post } from '../blogs/model.ts'
import type { ListPage } from './lists.ts'
import type { PageContext } from './page.ts'

// Making one takes longer than rendering a post.
const longDay = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
const shortDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** What every page of a blog shows around its content. */
export function layoutView({ blog, template, audience }: PageContext, title: string, description?: string) {
  const { settings } = blog
  return {
    blog: { title: settings.title, description: settings.description },
    documentTitle: title === '' ? settings.title : `${title} · ${settings.title}`,
    title,
    description: description ?? settings.description,
    style: template.styleTarget,
    isPreview: audience === 'author',
  }
}

export function postView(post: Post) {
  return {
    ...post,
    day: longDay.format(post.date),
    isoDate: post.date.toISOString().slice(0, 10),
    hasTags: post.tags.length > 0,
  }
}

export function listingView({ posts, number, pages, tag, target }: ListPage) {
  const first = tag?.target ?? '/'
  const numbered = (page: number): string => (page === 1 ? first : `${first === '/' ? '' : first}/page/${page}`)
  return {
    posts: posts.map(postView),
    isEmpty: posts.length === 0,
    tag,
    number,
    pages,
    isPaged: pages > 1,
    isFirst: target === first,
    newer: number > 1 ? numbered(number - 1) : undefined,
    older: number < pages ? numbered(number + 1) : undefined,
  }
}

/** Posts grouped by year, newest first, as they come. */
export function yearViews(posts: readonly Post[]) {
  const years = Map.groupBy(posts, (post) => post.date.getUTCFullYear())
  return [...years].map(([year, written]) => ({
    year,
    posts: written.map((post) => ({ ...postView(post), day: shortDay.format(post.date) })),
  }))
}
