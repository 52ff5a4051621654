import { hash } from 'node:crypto'

/** Tags by which an edge purges what it keeps of our answers (`Cache-Tag`). */

// An edge takes 256 characters at most; the rest of a tag is shorter than 50.
const longestName = 200

/** All answers of a blog. */
export function blogTag(blogId: string): string {
  return `blog:${blogId}`
}

/** One page: `post` for a post's own, `list` for what lists posts. */
export function pageTag(kind: 'post' | 'list', blogId: string, target: string): string {
  const name = target.slice(1).replaceAll(',', '%2C')
  return `${kind}:${blogId}:${name.length > longestName ? hash('sha256', name, 'base64url') : name}`
}

/** What depends on which pages there are: addresses where there is none, and those that lead to another. */
export function kindTag(kind: 'missing' | 'moved', blogId: string): string {
  return `${kind}:${blogId}`
}
