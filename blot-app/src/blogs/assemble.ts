import { hash } from 'node:crypto'
import { blogId } from './blog-id.ts'
import type { Blog, BrokenFile, Post, Settings, Tag } from './model.ts'
import type { ParsedSource } from './parse-source.ts'
import { isInDrafts, isSource } from './public-path.ts'
import { slugOf, targetOf } from './slug.ts'
import { baseName, nameTarget, placeSources, sourceTarget } from './targets.ts'
import { parseDate } from './front-matter.ts'
import type { FoundFile } from './walk.ts'

const secondMs = 1000

/** What reading one folder gave, before URLs. */
export interface FolderContent {
  readonly handle: string
  readonly folder: string
  readonly settings: Settings
  readonly parsed: ReadonlyMap<string, { readonly file: FoundFile; readonly source: ParsedSource }>
  /** Source path to the reason for its author. */
  readonly faults: ReadonlyMap<string, string>
  readonly filesHash: string
}

/**
 * Makes a blog of a folder's content.
 * @param before The last state: a file that broke keeps showing its fault at the URL that its post had.
 */
export function assembleBlog(content: FolderContent, before: Blog | undefined, now: Date = new Date()): Blog {
  const sources = new Map([...content.parsed].map(([source, { source: parsed }]) => [source, parsed]))
  const { placed, faults } = placeSources(sources)
  const posts: Post[] = []
  for (const [source, { file, source: parsed }] of content.parsed) {
    const target = placed.get(source)
    if (target !== undefined) posts.push(makePost(file, parsed, target))
  }
  posts.sort(newestFirst)
  return {
    id: blogId(content.handle),
    handle: content.handle,
    folder: content.folder,
    settings: content.settings,
    posts: posts.filter((post) => !post.draft),
    postsWithDrafts: posts,
    broken: placeBroken(new Map([...content.faults, ...faults]), new Set(placed.values()), before),
    sources: new Map(posts.map((post) => [post.source, post])),
    targets: new Map(posts.map((post) => [post.target, post])),
    filesHash: content.filesHash,
    modified: new Date(Math.ceil(now.getTime() / secondMs) * secondMs),
  }
}

function makePost(file: FoundFile, parsed: ParsedSource, target: string): Post {
  const post = {
    source: file.source,
    target,
    title: parsed.title ?? parsed.heading ?? baseName(file.source),
    html: parsed.html,
    summary: parsed.summary,
    picture: parsed.picture,
    tags: makeTags(parsed.tags),
    date: parsed.date ?? dateInName(file.source) ?? file.modified,
    draft: parsed.draft || isInDrafts(file.source),
  }
  return { ...post, hash: hash('sha256', JSON.stringify(post), 'base64url') }
}

function dateInName(source: string): Date | undefined {
  const name = source.slice(source.lastIndexOf('/') + 1)
  return parseDate(name.slice(0, 'yyyy-mm-dd'.length))
}

function makeTags(names: readonly string[]): Tag[] {
  const tags = new Map<string, Tag>()
  for (const name of names) {
    const slug = slugOf(name)
    if (slug !== '' && !tags.has(slug)) tags.set(slug, { name, target: targetOf(['tagged', slug]) })
  }
  return [...tags.values()]
}

function newestFirst(a: Post, b: Post): number {
  return b.date.getTime() - a.date.getTime() || (a.source < b.source ? -1 : 1)
}

function placeBroken(
  faults: ReadonlyMap<string, string>,
  taken: ReadonlySet<string>,
  before: Blog | undefined,
): Map<string, BrokenFile> {
  const broken = new Map<string, BrokenFile>()
  for (const [source, reason] of faults) {
    const guesses = isSource(source) ? [nameTarget(source), ...formerTargets(source, before)] : []
    const targets = [sourceTarget(source), ...guesses]
    for (const target of targets) if (!taken.has(target)) broken.set(target, { source, reason })
  }
  return broken
}

function formerTargets(source: string, before: Blog | undefined): string[] {
  const post = before?.sources.get(source)
  if (post !== undefined) return [post.target]
  const stillBroken = [...(before?.broken ?? [])].filter(([, file]) => file.source === source)
  return stillBroken.map(([target]) => target)
}
