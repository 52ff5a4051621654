import { EventEmitter } from 'node:events'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { eachAtMost } from '../files.ts'
import type { Log } from '../log.ts'
import { assembleBlog } from './assemble.ts'
import { isHandle } from './handle.ts'
import type { Blog } from './model.ts'
import { Parser } from './parser.ts'
import { readFolder, type Memory } from './read-folder.ts'

/** One blog's step from a state to the next: new when there is no `before`, gone when there is no `after`. */
export interface BlogChange {
  readonly before: Blog | undefined
  readonly after: Blog | undefined
}

export interface LibraryOptions {
  /** Absolute path of the folder that holds a folder for each blog. */
  readonly directory: string
  readonly templates: ReadonlySet<string>
  readonly log: Log
}

interface Shelf {
  readonly memory: Memory
  scan: Promise<void> | undefined
  scanAgain: boolean
}

/**
 * All blogs as they are on disk. `changed` is emitted in the same tick in which the new state takes the old one's
 * place, so that who renders a page and who discards it agree on what is current.
 */
export class Library extends EventEmitter<{ changed: [BlogChange] }> {
  readonly #options: LibraryOptions
  readonly #parser = new Parser()
  readonly #blogs = new Map<string, Blog>()
  readonly #shelves = new Map<string, Shelf>()
  #closed = false

  constructor(options: LibraryOptions) {
    super()
    this.#options = options
  }

  /** Current blogs by handle. */
  get blogs(): ReadonlyMap<string, Blog> {
    return this.#blogs
  }

  /** Looks at every folder again. @throws when the directory itself cannot be read: nothing is taken as gone then. */
  async rescanAll(): Promise<void> {
    const entries = await readdir(this.#options.directory, { withFileTypes: true })
    const handles = entries.filter((entry) => entry.isDirectory() && isHandle(entry.name)).map((entry) => entry.name)
    await eachAtMost(4, new Set([...handles, ...this.#blogs.keys()]), (handle) => this.rescan(handle))
  }

  /** Looks at one blog's folder again. A call during a scan waits for one more, so that no change is missed. */
  rescan(handle: string): Promise<void> {
    if (!isHandle(handle)) return Promise.resolve()
    const shelf = this.#shelves.get(handle) ?? { memory: new Map(), scan: undefined, scanAgain: false }
    this.#shelves.set(handle, shelf)
    if (shelf.scan === undefined) shelf.scan = this.#scanUntilSettled(handle, shelf)
    else shelf.scanAgain = true
    return shelf.scan
  }

  /** From now on nothing changes any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#parser.close()
  }

  async #scanUntilSettled(handle: string, shelf: Shelf): Promise<void> {
    shelf.scanAgain = false
    try {
      await this.#scan(handle, shelf.memory)
    } catch (error) {
      if (!this.#closed) this.#options.log.error({ err: error, handle }, 'blog not read')
    }
    if (shelf.scanAgain) return this.#scanUntilSettled(handle, shelf)
    shelf.scan = undefined
    if (!this.#blogs.has(handle)) this.#shelves.delete(handle)
  }

  async #scan(handle: string, memory: Memory): Promise<void> {
    const { directory, templates } = this.#options
    const folder = path.join(directory, handle)
    const before = this.#blogs.get(handle)
    const content = await readFolder({
      handle,
      folder,
      parser: this.#parser,
      templates,
      memory,
      settings: before?.settings,
    })
    if (this.#closed) return
    const after = content && assembleBlog(content, before)
    if (after === undefined ? before === undefined : before !== undefined && isSame(before, after)) return
    if (after === undefined) this.#blogs.delete(handle)
    else this.#blogs.set(handle, after)
    this.emit('changed', { before, after })
  }
}

/** Whether two states would show the same on every URL. */
function isSame(before: Blog, after: Blog): boolean {
  const contentOf = (blog: Blog): string =>
    JSON.stringify([
      blog.settings,
      blog.filesHash,
      blog.postsWithDrafts.map((post) => post.hash),
      [...blog.broken].map(([target, file]) => [target, file.reason]),
    ])
  return contentOf(before) === contentOf(after)
}
