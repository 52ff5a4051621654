import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, replaceLink } from '../files.ts'
import type { PageFiles } from './page-files.ts'
import { schemes } from './page-file.ts'

/** Where the links of a host's cache folder lead. */
export interface HostLinks {
  /** Absolute path of the blog's folder. */
  readonly folder: string
  /** Absolute path of the blog's static files. */
  readonly static: string
}

const linkNames = ['folder', 'static'] as const

/** The folders of hosts in the cache folder: each has its pages and two links, and nothing else is ours. */
export class HostFolders {
  readonly #directory: string
  readonly #pages: PageFiles

  /** @param directory Absolute path of the cache folder. */
  constructor(directory: string, pages: PageFiles) {
    this.#directory = directory
    this.#pages = pages
  }

  /** Hosts that have a folder now. */
  async hosts(): Promise<string[]> {
    const entries = await readdir(this.#directory, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name)
  }

  /** Makes the links of a host, or corrects them, so that no reader ever finds one missing. */
  async link(host: string, links: Partial<HostLinks>): Promise<void> {
    await mkdir(path.join(this.#directory, host), { recursive: true })
    const temporary = path.join(this.#directory, '.tmp')
    await Promise.all(
      linkNames.map(async (name) => {
        const target = links[name]
        if (target !== undefined) await replaceLink(path.join(this.#directory, host, name), target, temporary)
      }),
    )
  }

  /** Removes the pages and links of a host that shows no blog any more. What else lies there stays. */
  async remove(host: string): Promise<void> {
    const folder = path.join(this.#directory, host)
    await Promise.all(linkNames.map((name) => removeLink(path.join(folder, name))))
    await this.#pages.removeAll(host)
    await Promise.all(schemes.map((scheme) => removeEmpty(path.join(folder, scheme))))
    await removeEmpty(folder)
  }
}

async function removeLink(link: string): Promise<void> {
  const found = await lstat(link).catch(() => undefined)
  if (found?.isSymbolicLink()) await rm(link, { force: true })
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
  }
}
