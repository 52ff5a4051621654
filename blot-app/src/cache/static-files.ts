import { mkdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { isBlogId } from '../blogs/blog-id.ts'
import { namesIn, writeWhole } from '../files.ts'

/** Files that the app makes for a blog, such as its style sheet: `{directory}/{blog ID}/`. */
export class StaticFiles {
  readonly directory: string

  constructor(dataDirectory: string) {
    this.directory = path.join(dataDirectory, 'static')
  }

  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true })
  }

  folderOf(blogId: string): string {
    return path.join(this.directory, blogId)
  }

  async writeStyle(blogId: string, style: string): Promise<void> {
    const file = path.join(this.folderOf(blogId), 'style.css')
    const present = await readFile(file, 'utf8').catch(() => undefined)
    if (present === style) return
    await mkdir(path.dirname(file), { recursive: true })
    await writeWhole(file, style)
  }

  async remove(blogId: string): Promise<void> {
    await rm(this.folderOf(blogId), { recursive: true, force: true })
  }

  /** Removes what blogs left that went while the app was down. */
  async removeOthers(blogIds: ReadonlySet<string>): Promise<void> {
    const names = await namesIn(this.directory)
    const gone = names.filter((name) => isBlogId(name) && !blogIds.has(name))
    await Promise.all(gone.map((name) => this.remove(name)))
  }
}
