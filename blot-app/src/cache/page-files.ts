import { renameSync } from 'node:fs'
import { mkdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { eachAtMost, hasCode, removeAbandoned, temporaryName } from '../files.ts'
import type { Log } from '../log.ts'
import { pageFileOf, pageFilesOf, schemes, type PageFileRequest } from './page-file.ts'

const mostWritesAtOnce = 32
const removalsAtOnce = 8

/** The pages that the app leaves in the cache folder for the edge to deliver. */
export class PageFiles {
  readonly #directory: string
  readonly #temporary: string
  readonly #log: Log
  readonly #writing = new Set<string>()
  #closed = false

  /** @param directory Absolute path of the cache folder. */
  constructor(directory: string, log: Log) {
    this.#directory = directory
    this.#temporary = path.join(directory, '.tmp')
    this.#log = log
  }

  async open(): Promise<void> {
    await mkdir(this.#temporary, { recursive: true })
    await removeAbandoned(this.#temporary)
  }

  /** From now on nothing is written: another process may be writing already. */
  close(): void {
    this.#closed = true
  }

  /**
   * Keeps a page, if it is one to keep. Never rejects: the visitor has the answer already.
   * @param isCurrent Asked right before the file appears: whether nothing the page shows has changed since it was made.
   */
  async write(request: PageFileRequest, body: string, isCurrent: () => boolean): Promise<void> {
    const name = pageFileOf(request)
    if (name === undefined || this.#writing.has(name) || this.#writing.size >= mostWritesAtOnce) return
    this.#writing.add(name)
    const temporary = path.join(this.#temporary, temporaryName())
    const file = path.join(this.#directory, name)
    try {
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(temporary, body, { flag: 'wx' })
      // Check and rename in one tick: a change that comes later finds the file and removes it.
      if (!this.#closed && isCurrent()) renameSync(temporary, file)
    } catch (error) {
      this.#reportWrite(error, name)
    } finally {
      await rm(temporary, { force: true })
      this.#writing.delete(name)
    }
  }

  /** Removes the pages of some targets, for every host given, both schemes. */
  async remove(hosts: readonly string[], targets: readonly string[]): Promise<void> {
    const names = hosts.flatMap((host) => targets.flatMap((target) => pageFilesOf(host, target)))
    await eachAtMost(removalsAtOnce, names, (name) => this.#removeFile(path.join(this.#directory, name)))
  }

  /** Removes all pages of a host in one step, whatever their number. */
  async removeAll(host: string): Promise<void> {
    await Promise.all(schemes.map((scheme) => this.#removeFolder(path.join(this.#directory, host, scheme))))
  }

  async #removeFile(file: string): Promise<void> {
    try {
      await unlink(file)
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EPERM', 'ENAMETOOLONG')) return
      throw error
    }
    if (path.basename(file) !== 'index.html') return
    // The page's own folder, unless other pages are below it.
    await rmdir(path.dirname(file)).catch(() => undefined)
  }

  async #removeFolder(folder: string): Promise<void> {
    const aside = path.join(this.#temporary, temporaryName())
    try {
      await rename(folder, aside)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return
      throw error
    }
    // The pages are gone for everyone by now; nobody has to wait for the disk.
    rm(aside, { recursive: true, force: true }).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'removed pages left on disk')
    })
  }

  #reportWrite(error: unknown, name: string): void {
    // The folder was removed meanwhile, or another page's file is in the way: then there is no file for this one.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOTEMPTY', 'ENAMETOOLONG')) return
    this.#log.warn({ err: error, file: name }, 'page file not written')
  }
}
