import { hash } from 'node:crypto'
import type { Blog } from '../blogs/model.ts'
import type { Origin } from '../origin.ts'
import { blogTag } from './tags.ts'
import type { Template } from './template.ts'

/** A rendered answer, complete with what caches need to know of it. */
export interface Page {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly etag: string
  readonly cacheControl: string
  /** For Cache-Tag, so that one purge finds every page that shows a thing. */
  readonly tags: readonly string[]
  /** False where an absolute URL in it is made from what only the visitor said. */
  readonly shareable: boolean
}

/** What a page of a blog is made from. */
export interface PageContext {
  readonly blog: Blog
  readonly template: Template
  /** The author sees drafts and gets nothing that a cache would keep. */
  readonly audience: 'visitors' | 'author'
  readonly origin: Origin
}

export const htmlType = 'text/html; charset=utf-8'

// Browsers ask each time; the edge keeps a page for a day, because a change purges it.
const sharedControl = 'public, max-age=0, s-maxage=86400, stale-while-revalidate=60'
const missingControl = 'public, max-age=0, s-maxage=60'
const foreverControl = 'public, max-age=31536000, immutable'

const controls = { page: sharedControl, missing: missingControl, style: foreverControl, broken: 'no-store' }

export interface PageParts {
  readonly kind: keyof typeof controls
  readonly body: string
  readonly contentType?: string
  readonly tags?: readonly string[]
  /** Whether absolute URLs stand in the body. */
  readonly absolute?: boolean
}

// 422 (RFC 9110 15.5.21), since an edge shows a page of its own for a 500: the author is to read what is wrong.
const statuses = { page: 200, missing: 404, style: 200, broken: 422 }

export function makePage(context: PageContext, parts: PageParts): Page {
  const { blog, template, audience, origin } = context
  return {
    status: statuses[parts.kind],
    contentType: parts.contentType ?? htmlType,
    body: parts.body,
    etag: entityTag(parts.body),
    cacheControl: audience === 'author' ? 'no-store' : controls[parts.kind],
    tags: [blogTag(blog.id), `template:${template.name}`, ...(parts.tags ?? [])],
    shareable: audience === 'visitors' && (origin.trusted || parts.absolute !== true),
  }
}

/** A strong validator: equal bytes, equal tag. */
export function entityTag(body: string): string {
  return `"${hash('sha256', body, 'base64url').slice(0, 22)}"`
}
