import type { Blog } from './blogs/model.ts'
import { isLoopback } from './origin.ts'

/** The names of one blog. */
export interface BlogNames {
  readonly blog: Blog
  /** The current handle first, then former ones. */
  readonly handles: readonly string[]
  /** The custom domain as in `blog.json`, then its apex or www counterpart; empty without one. */
  readonly domains: readonly string[]
  /** Hosts that show the blog: the handle's and the custom domain. */
  readonly shown: readonly string[]
  /** Hosts that lead to one that shows it. */
  readonly moved: ReadonlyMap<string, string>
}

/** What stands behind a host. */
export type Site =
  | { readonly kind: 'home' | 'cdn' | 'webhooks' | 'loopback' | 'unknown' }
  | { readonly kind: 'blog'; readonly blog: Blog }
  | { readonly kind: 'preview'; readonly blog: Blog; readonly template: string }
  | { readonly kind: 'moved'; readonly blog: Blog; readonly host: string }

export interface HostIndexOptions {
  /** The platform's own host: handles are labels below it. */
  readonly platform: string
  readonly blogs: ReadonlyMap<string, Blog>
  readonly templates: ReadonlySet<string>
}

/** Finds the site of a host, for one state of all blogs. */
export class HostIndex {
  /** Names of every blog, in the order of the handles. */
  readonly names: readonly BlogNames[]
  readonly #options: HostIndexOptions
  readonly #sites = new Map<string, Site>()
  readonly #blogsById = new Map<string, Blog>()

  constructor(options: HostIndexOptions) {
    this.#options = options
    this.names = assignNames(options)
    const { platform } = options
    for (const name of [platform, `www.${platform}`]) this.#sites.set(name, { kind: 'home' })
    this.#sites.set(`cdn.${platform}`, { kind: 'cdn' })
    this.#sites.set(`webhooks.${platform}`, { kind: 'webhooks' })
    for (const { blog, shown, moved } of this.names) {
      this.#blogsById.set(blog.id, blog)
      for (const host of shown) this.#sites.set(host, { kind: 'blog', blog })
      for (const [host, to] of moved) this.#sites.set(host, { kind: 'moved', blog, host: to })
    }
  }

  /** @param host In lower case, without port. */
  find(host: string): Site {
    const site = this.#sites.get(host) ?? this.#findPreview(host)
    return site ?? { kind: isLoopback(host) ? 'loopback' : 'unknown' }
  }

  findById(id: string): Blog | undefined {
    return this.#blogsById.get(id)
  }

  /** `preview-<handle>` shows the blog in its own template, `preview-of-<template>-on-<handle>` in another. */
  #findPreview(host: string): Site | undefined {
    const { platform, blogs, templates } = this.#options
    const prefix = 'preview-'
    if (!host.startsWith(prefix) || !host.endsWith(`.${platform}`)) return undefined
    const label = host.slice(prefix.length, -platform.length - 1)
    for (const template of templates) {
      const opening = `of-${template}-on-`
      const blog = label.startsWith(opening) ? blogs.get(label.slice(opening.length)) : undefined
      if (blog !== undefined) return { kind: 'preview', blog, template }
    }
    const blog = blogs.get(label)
    return blog && { kind: 'preview', blog, template: blog.settings.template }
  }
}

/** Gives every name to one blog. Present handles and written domains come before former handles and counterparts. */
function assignNames({ blogs, platform }: HostIndexOptions): BlogNames[] {
  const sorted = [...blogs.values()].toSorted((a, b) => (a.handle < b.handle ? -1 : 1))
  const written = claim(sorted, (blog) => domainOf(blog, platform))
  const counterparts = claim(sorted, (blog) => {
    const domains = domainOf(blog, platform).filter((domain) => written.get(domain) === blog)
    return domains.map(counterpartOf).filter((name) => !written.has(name))
  })
  const former = claim(sorted, ({ settings }) => settings.formerHandles.filter((handle) => !blogs.has(handle)))
  return sorted.map((blog) => {
    const formerHandles = blog.settings.formerHandles.filter((handle) => former.get(handle) === blog)
    const domains = domainOf(blog, platform).filter((domain) => written.get(domain) === blog)
    const counterpart = domains.map(counterpartOf).filter((name) => counterparts.get(name) === blog)
    return namesOf(blog, platform, { formerHandles, domains, counterpart })
  })
}

interface Won {
  readonly formerHandles: readonly string[]
  readonly domains: readonly string[]
  readonly counterpart: readonly string[]
}

function namesOf(blog: Blog, platform: string, { formerHandles, domains, counterpart }: Won): BlogNames {
  const handleHost = `${blog.handle}.${platform}`
  const moved = new Map(formerHandles.map((handle) => [`${handle}.${platform}`, handleHost]))
  for (const domain of domains) for (const host of counterpart) moved.set(host, domain)
  return {
    blog,
    handles: [blog.handle, ...formerHandles],
    domains: [...domains, ...counterpart],
    shown: [handleHost, ...domains],
    moved,
  }
}

/** The custom domain as a list of one or none. Names below the platform's are not for blogs to take. */
function domainOf({ settings: { domain } }: Blog, platform: string): readonly string[] {
  const isOurs = domain === platform || domain?.endsWith(`.${platform}`)
  return domain === undefined || isOurs ? [] : [domain]
}

type Claims = ReadonlyMap<string, Blog>

/** The first blog to ask for a name has it. */
function claim(blogs: readonly Blog[], wishes: (blog: Blog) => readonly string[]): Claims {
  const claims = new Map<string, Blog>()
  for (const blog of blogs) for (const name of wishes(blog)) if (!claims.has(name)) claims.set(name, blog)
  return claims
}

function counterpartOf(domain: string): string {
  return domain.startsWith('www.') ? domain.slice('www.'.length) : `www.${domain}`
}
