/** Posts whose front matter may say that they are drafts. */
const POST = /\.(?:md|markdown)$/i
const DRAFTS = /\/drafts\//i
const SETTINGS = '/blog.json'

/**
 * Is this file of a blog's folder one that the app interprets: a post's source, a draft, the blog's settings? The edge
 * never shows one on its own account: only the app knows what of it is public.
 * @param path beneath the folder, decoded, starts with `/`.
 */
export function isSource(path: string): boolean {
  return POST.test(path) || DRAFTS.test(path) || path.toLowerCase() === SETTINGS
}
