import { hash } from 'node:crypto'

export function blogId(handle: string): string {
  return `blog_${hash('sha256', `blot-app:${handle}`).slice(0, 32)}`
}

/** Whether a name has the form of a blog ID, as folders of static files do. */
export function isBlogId(name: string): boolean {
  return /^blog_[0-9a-f]{32}$/.test(name)
}
