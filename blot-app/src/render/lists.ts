import type { Blog, Post, Tag } from '../blogs/model.ts'

export const postsPerPage = 10
const longestFeed = 20

/** One page of a list of posts. */
export interface ListPage {
  /** Canonical URL. */
  readonly target: string
  readonly posts: readonly Post[]
  readonly number: number
  readonly pages: number
  readonly tag: Tag | undefined
}

export function visiblePosts(blog: Blog, audience: 'visitors' | 'author'): readonly Post[] {
  return audience === 'author' ? blog.postsWithDrafts : blog.posts
}

/** Every page of the index; the first exists even when there is nothing to list. */
export function indexPages(posts: readonly Post[]): ListPage[] {
  return listPages(posts, '/', undefined)
}

/** Every page of every tag. */
export function tagPages(posts: readonly Post[]): ListPage[] {
  const groups = new Map<string, { tag: Tag; posts: Post[] }>()
  for (const post of posts) {
    for (const tag of post.tags) {
      const group = groups.get(tag.target) ?? { tag, posts: [] }
      group.posts.push(post)
      groups.set(tag.target, group)
    }
  }
  return [...groups.values()].flatMap((group) => listPages(group.posts, group.tag.target, group.tag))
}

/** The pages of one tag. */
export function pagesOfTag(posts: readonly Post[], tagTarget: string): ListPage[] {
  const tagged = posts.filter((post) => post.tags.some((tag) => tag.target === tagTarget))
  const tag = tagged[0]?.tags.find(({ target }) => target === tagTarget)
  return tag === undefined ? [] : listPages(tagged, tagTarget, tag)
}

export function feedPosts(posts: readonly Post[]): readonly Post[] {
  return posts.slice(0, longestFeed)
}

/** The posts before and after one in time. */
export function neighboursOf(posts: readonly Post[], post: Post) {
  const place = posts.indexOf(post)
  return { newer: posts[place - 1], older: posts[place + 1] }
}

function listPages(posts: readonly Post[], first: string, tag: Tag | undefined): ListPage[] {
  const pages = Math.max(1, Math.ceil(posts.length / postsPerPage))
  const folder = first === '/' ? '' : first
  return Array.from({ length: pages }, (_, index) => ({
    target: index === 0 ? first : `${folder}/page/${index + 1}`,
    posts: posts.slice(index * postsPerPage, (index + 1) * postsPerPage),
    number: index + 1,
    pages,
    tag,
  }))
}
