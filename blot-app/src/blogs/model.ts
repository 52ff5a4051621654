/** What `blog.json` says, with defaults for what it leaves out. */
export interface Settings {
  readonly title: string
  readonly description: string
  /** Custom domain in its ASCII form: the one of apex and www that visitors should see. */
  readonly domain: string | undefined
  readonly template: string
  readonly forceSSL: boolean
  readonly formerHandles: readonly string[]
}

export interface Tag {
  readonly name: string
  /** Canonical URL path, percent-encoded: `/tagged/wild-garlic`. */
  readonly target: string
}

export interface Picture {
  readonly address: string
  readonly description: string
}

export interface Post {
  /** Path inside the blog's folder, with forward slashes. */
  readonly source: string
  /** Canonical URL path, percent-encoded. */
  readonly target: string
  readonly title: string
  readonly html: string
  /** Plain text, one or two sentences. */
  readonly summary: string
  /** The first picture of the text. */
  readonly picture: Picture | undefined
  readonly tags: readonly Tag[]
  readonly date: Date
  readonly draft: boolean
  /** Hash of everything a page may show of this post. */
  readonly hash: string
}

/** A file that cannot become a post, with the reason in words for its author. */
export interface BrokenFile {
  readonly source: string
  readonly reason: string
}

/** One state of a folder. Immutable: a change makes a new one, and identity tells whether a page is still current. */
export interface Blog {
  /** `blog_` and 32 hexadecimal digits, the same for the same handle for ever. */
  readonly id: string
  readonly handle: string
  /** Absolute path of the folder. */
  readonly folder: string
  readonly settings: Settings
  /** Published, newest first. */
  readonly posts: readonly Post[]
  /** Published and drafts, newest first. */
  readonly postsWithDrafts: readonly Post[]
  /** Broken files by each target at which the author may look for them. */
  readonly broken: ReadonlyMap<string, BrokenFile>
  /** Source path to post: published and drafts. */
  readonly sources: ReadonlyMap<string, Post>
  /** Canonical URL path to post: published and drafts. */
  readonly targets: ReadonlyMap<string, Post>
  /** Hash of names, sizes and times of all other files. */
  readonly filesHash: string
  /** When this state began, rounded up to a second so that two states never share a Last-Modified. */
  readonly modified: Date
}
