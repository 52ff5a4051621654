import type { BlogChange } from '../blogs/library.ts'
import type { Blog } from '../blogs/model.ts'
import { eachAtMost } from '../files.ts'
import type { BlogNames, HostIndex } from '../hosts.ts'
import type { Log } from '../log.ts'
import type { Template } from '../render/template.ts'
import { changedTags, changedTargets } from './dependencies.ts'
import type { HostFolders } from './host-folders.ts'
import type { PageFiles } from './page-files.ts'
import type { Purger } from './purge.ts'
import type { StaticFiles } from './static-files.ts'

/** The part of the publisher that exists only while the app writes pages. */
export interface CacheFolder {
  readonly pages: PageFiles
  readonly folders: HostFolders
}

export interface PublisherOptions {
  /** The platform's own host: its `cdn.` shows the static files of all blogs. */
  readonly platform: string
  readonly cache: CacheFolder | undefined
  readonly staticFiles: StaticFiles
  readonly purgers: readonly Purger[]
  readonly templateOf: (blog: Blog) => Template
  readonly log: Log
}

/** A change together with the hosts before and after it. */
export interface PublishedChange extends BlogChange {
  readonly hostsBefore: HostIndex
  readonly hostsAfter: HostIndex
}

const hostsAtOnce = 8

/** Brings files and edges up to date, in this order: what shows the old state goes, then the edges hear of it. */
export class Publisher {
  readonly #options: PublisherOptions
  #queue: Promise<void> = Promise.resolve()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Begins anew: any blog may have changed while the app was down. Changes wait until this is done. */
  publishAll(hosts: HostIndex): Promise<void> {
    const published = this.#queue.then(() => this.#publishAll(hosts))
    this.#queue = published.catch(() => undefined)
    return published
  }

  async #publishAll(hosts: HostIndex): Promise<void> {
    const { cache, staticFiles, purgers, platform } = this.#options
    await staticFiles.open()
    await staticFiles.removeOthers(new Set(hosts.names.map(({ blog }) => blog.id)))
    await eachAtMost(hostsAtOnce, hosts.names, ({ blog }) => this.#writeStyle(blog))
    if (cache !== undefined) {
      await cache.pages.open()
      await eachAtMost(hostsAtOnce, await cache.folders.hosts(), (host) => this.#forgetHost(cache, host, hosts))
      await eachAtMost(hostsAtOnce, hosts.names, (names) => this.#link(cache, names))
      await cache.folders.link(`cdn.${platform}`, { static: staticFiles.directory })
    }
    const all = [platform, ...hosts.names.flatMap((names) => hostsOf(names, platform))]
    for (const purger of purgers) purger.purge(all)
  }

  /** Changes are published one after another. Never rejects. */
  publish(change: PublishedChange): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      try {
        await this.#publish(change)
      } catch (error) {
        this.#options.log.error({ err: error, handle: (change.after ?? change.before)?.handle }, 'change not published')
      }
    })
    return this.#queue
  }

  async #publish(change: PublishedChange): Promise<void> {
    const { before, after, hostsBefore, hostsAfter } = change
    const { cache, platform, purgers, staticFiles } = this.#options
    if (after !== undefined) await this.#writeStyle(after)
    if (cache !== undefined) await this.#removeFiles(cache, change)
    if (cache !== undefined) await this.#linkChanged(cache, hostsBefore, hostsAfter)
    if (after === undefined && before !== undefined) await staticFiles.remove(before.id)
    const touched = new Set([before, after])
    const names = [...hostsBefore.names, ...hostsAfter.names].filter(({ blog }) => touched.has(blog))
    const purged = new Set([...names.flatMap((found) => hostsOf(found, platform)), platform])
    const tags = cache === undefined ? this.#changedTags(change) : 'all'
    for (const purger of purgers) {
      if (tags === 'all') purger.purge(purged)
      else purger.purgeTags(tags, purged)
    }
  }

  /** Of an edge that keeps our answers, only what changed is purged. A page file has no tags. */
  #changedTags({ before, after, hostsBefore, hostsAfter }: PublishedChange): readonly string[] | 'all' {
    const { templateOf, platform } = this.#options
    if (before === undefined || after === undefined) return 'all'
    const hostsIn = ({ names }: HostIndex, blog: Blog): string => {
      return names.flatMap((found) => (found.blog === blog ? hostsOf(found, platform) : [])).join()
    }
    if (hostsIn(hostsBefore, before) !== hostsIn(hostsAfter, after)) return 'all'
    return changedTags({ blog: before, template: templateOf(before) }, { blog: after, template: templateOf(after) })
  }

  async #removeFiles({ pages }: CacheFolder, { before, after, hostsBefore }: PublishedChange): Promise<void> {
    const { templateOf } = this.#options
    if (before === undefined || after === undefined) return
    const shown = hostsBefore.names.find(({ blog }) => blog === before)?.shown ?? []
    const targets = changedTargets(
      { blog: before, template: templateOf(before) },
      { blog: after, template: templateOf(after) },
    )
    if (targets !== 'all') await pages.remove(shown, targets)
    else await Promise.all(shown.map((host) => pages.removeAll(host)))
  }

  /** Names can go over from one blog to another by a change of only one of them, so all are compared. */
  async #linkChanged(cache: CacheFolder, hostsBefore: HostIndex, hostsAfter: HostIndex): Promise<void> {
    const ownersBefore = ownersOf(hostsBefore)
    const ownersAfter = ownersOf(hostsAfter)
    const left = [...ownersBefore].filter(([host, handle]) => ownersAfter.get(host) !== handle).map(([host]) => host)
    await eachAtMost(hostsAtOnce, left, (host) => cache.folders.remove(host))
    const changed = hostsAfter.names.filter(({ blog, shown }) => {
      return shown.some((host) => ownersBefore.get(host) !== blog.handle)
    })
    await eachAtMost(hostsAtOnce, changed, (names) => this.#link(cache, names))
  }

  async #forgetHost(cache: CacheFolder, host: string, hosts: HostIndex): Promise<void> {
    if (hosts.find(host).kind === 'blog') await cache.pages.removeAll(host)
    else await cache.folders.remove(host)
  }

  async #link({ folders }: CacheFolder, { blog, shown }: BlogNames): Promise<void> {
    const links = { folder: blog.folder, static: this.#options.staticFiles.folderOf(blog.id) }
    await Promise.all(shown.map((host) => folders.link(host, links)))
  }

  async #writeStyle(blog: Blog): Promise<void> {
    await this.#options.staticFiles.writeStyle(blog.id, this.#options.templateOf(blog).style)
  }
}

/** Every host at which an edge may hold something of a blog. */
function hostsOf({ handles, domains }: BlogNames, platform: string): string[] {
  return [...handles.map((handle) => `${handle}.${platform}`), ...domains]
}

function ownersOf(hosts: HostIndex): Map<string, string> {
  return new Map(hosts.names.flatMap(({ blog, shown }) => shown.map((host) => [host, blog.handle] as const)))
}
