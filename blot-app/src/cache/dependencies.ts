import { hash } from 'node:crypto'
import type { Blog } from '../blogs/model.ts'
import { feedPosts, indexPages, tagPages, type ListPage } from '../render/lists.ts'
import { kindTag, pageTag } from '../render/tags.ts'
import type { Template } from '../render/template.ts'

// Beyond this many it is cheaper to remove a host's folder than its files one by one.
const mostSinglePages = 100

/** A state of a blog, with the template that it is shown in. */
export interface Shown {
  readonly blog: Blog
  readonly template: Template
}

/** Canonical URLs whose pages differ between two states of a blog, or `all`. */
export function changedTargets(before: Shown, after: Shown): readonly string[] | 'all' {
  if (layoutHash(before.blog, before.template) !== layoutHash(after.blog, after.template)) return 'all'
  const old = pageHashes(before.blog)
  const current = pageHashes(after.blog)
  const targets = new Set([...old.keys(), ...current.keys()])
  const changed = [...targets].filter((target) => old.get(target) !== current.get(target))
  return changed.length > mostSinglePages ? 'all' : changed
}

/** The tags of what differs between two states of a blog, or `all`: a file may take the place of any page. */
export function changedTags(before: Shown, after: Shown): readonly string[] | 'all' {
  const targets = before.blog.filesHash === after.blog.filesHash ? changedTargets(before, after) : 'all'
  if (targets === 'all') return 'all'
  const { id } = after.blog
  const isPost = (target: string): boolean => before.blog.targets.has(target) || after.blog.targets.has(target)
  const pages = targets.map((target) => pageTag(isPost(target) ? 'post' : 'list', id, target))
  return [...pages, kindTag('missing', id), kindTag('moved', id)]
}

/** What every page of a blog shows. */
function layoutHash(blog: Blog, template: Template): string {
  return digest([JSON.stringify(blog.settings), template.hash])
}

/** Each page of a blog by its URL, with a hash of all that it is made from beside the layout. */
function pageHashes(blog: Blog): Map<string, string> {
  const { posts } = blog
  const list = digest(posts.map((post) => post.hash))
  const documents: [string, string][] = [
    ['/archives', list],
    ['/sitemap.xml', list],
    ['/feed.rss', digest(feedPosts(posts).map((post) => post.hash))],
  ]
  const lists = [...indexPages(posts), ...tagPages(posts)].map((page): [string, string] => [
    page.target,
    listHash(page),
  ])
  const single = posts.map((post, place): [string, string] => {
    return [post.target, digest([post.hash, posts[place - 1]?.hash ?? '', posts[place + 1]?.hash ?? ''])]
  })
  return new Map([...documents, ...lists, ...single])
}

function listHash({ posts, pages, tag }: ListPage): string {
  return digest([String(pages), tag?.name ?? '', ...posts.map((post) => post.hash)])
}

function digest(parts: readonly string[]): string {
  return hash('sha256', parts.join('\n'), 'base64url')
}
