import { closeSync } from 'node:fs'
import { edgeChannel } from '../events.ts'
import { EVERYTHING, hostIn, type Purge } from '../purge.ts'
import type { RequestHead } from '../request.ts'
import { chooseCoding } from '../static/coding.ts'
import { isPlainTarget } from '../static/names.ts'
import { slashRedirect } from './answer.ts'
import type { Found } from './found.ts'
import { isFresh } from './fresh.ts'
import { createHostFolderMap, realPath, type HostFolderMap } from './host-folders.ts'
import { hasPageName, keyOf, nameOf } from './key.ts'
import { load } from './load.ts'
import { locate, type LocatedFile } from './locate.ts'
import type { Entry, FileShelf, Memory } from './memory.ts'
import { cdnPlaces, sitePlaces, type Place } from './places.ts'

/** Answers that need no app: memory over page files and static files. */
export type FileTier = {
  /**
   * Looks in memory, then for page files and static files in Blot's order. Synchronous, never throws.
   * @returns undefined for what is not here, what may not be shown and what could not be read, all alike: the app answers.
   */
  find(head: RequestHead): Found | undefined
  /** The same, as far as it was looked at less than a second ago. */
  findInMemory(head: RequestHead): Found | undefined
  /** Is there a file in memory, be it that it has to be looked at again? */
  knows(head: RequestHead): boolean
  /** As `Memory.purge`, for all that is there; files have no lifetime to outlive, so a soft purge drops them too. */
  purge(purge: Purge): Promise<number[]>
  stats(): { entries: number; bytes: number }
  close(): void
}

export type FileTierOptions = {
  /** `{cache}`, where the app keeps a folder for each host. */
  readonly cacheDirectory: string
  /** The static files of `cdn.$BLOT_HOST`. */
  readonly cdnDirectory: string
  /** Shared with what else is kept there. */
  readonly memory: Memory
  /** The app writes pages, and keeps the links `static` and `folder`. */
  readonly pageFiles: boolean
  /** Wall clock, ms since the epoch. */
  readonly now?: () => number
  /** A clock that nobody sets, ms. */
  readonly monotonic?: () => number
}

/** Strangers choose what is looked up: a fault is told once a minute. */
const FAULT_INTERVAL_MS = 60_000

export function createFileTier(options: FileTierOptions): FileTier {
  const { now = Date.now, monotonic = () => performance.now() } = options
  const { memory } = options
  const hostFolders = createHostFolderMap(options.cacheDirectory)
  let quietUntilMs = 0

  function report(error: unknown): void {
    const nowMs = monotonic()
    if (nowMs < quietUntilMs) return
    quietUntilMs = nowMs + FAULT_INTERVAL_MS
    edgeChannel('fault').publish({ area: 'cache', message: 'file lookup failed', error })
  }

  function find(head: RequestHead): Found | undefined {
    if (!mayAnswer(head, options.pageFiles)) return undefined
    const known = findInMemory(head)
    if (known !== undefined) return known
    const nowMs = now()
    const key = keyOf(head)
    const shelf = memory.get(key)?.file
    try {
      const places = placesOf(head, options.cdnDirectory, hostFolders, nowMs)
      return findFile({ head, key, shelf, places, memory, nowMs })
    } catch (error) {
      report(error)
      return undefined
    }
  }

  function findInMemory(head: RequestHead): Found | undefined {
    if (!mayAnswer(head, options.pageFiles)) return undefined
    const shelf = memory.get(keyOf(head))?.file
    const entry = shelf && entryFor(head, shelf)
    return entry !== undefined && isFresh(entry.checkedAtMs, now()) ? entry.ready : undefined
  }

  async function purge(purged: Purge): Promise<number[]> {
    if (purged.everything) hostFolders.clear()
    const { hosts, urls, prefixes } = purged
    for (const host of [...hosts, ...[...urls, ...prefixes].map(hostIn)]) hostFolders.forget(host)
    const counts = await memory.purge(purged)
    // A file stands under the name of its target, which may be shorter than the URL.
    const folded = { ...purged, hosts: [], tags: [], urls: urls.map(nameOf), prefixes: prefixes.map(nameOf) }
    const more = purged.everything ? [] : await memory.purge(folded)
    return counts.map((count, index) => count + (more[index - hosts.length] ?? 0))
  }

  const knows = (head: RequestHead): boolean =>
    mayAnswer(head, options.pageFiles) && memory.get(keyOf(head))?.file !== undefined

  return { find, findInMemory, knows, purge, stats: () => memory.stats(), close: () => void purge(EVERYTHING) }
}

/** A request with credentials is the app's: it alone knows who may see what. */
export function mayAnswer({ method, site, headers }: RequestHead, pageFiles: boolean): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  if (site.kind === 'cdn') return true
  return pageFiles && site.pageFiles && site.cacheable && headers.authorization === undefined
}

function entryFor(head: RequestHead, { codings, entries }: FileShelf): Entry | undefined {
  return entries.get(codings.length === 0 ? undefined : chooseCoding(acceptedBy(head), codings))
}

function acceptedBy({ headers }: RequestHead): string | undefined {
  return headers['accept-encoding']?.toString()
}

function placesOf(head: RequestHead, cdn: string, hosts: HostFolderMap, nowMs: number): Iterable<Place> {
  if (!isPlainTarget(head.target)) return []
  if (head.site.kind === 'cdn') {
    const directory = realPath(cdn)
    return directory === undefined ? [] : cdnPlaces(head, directory)
  }
  const folders = hosts.of(head.host, nowMs)
  return folders === undefined ? [] : sitePlaces(head, folders)
}

type Search = {
  head: RequestHead
  key: string
  shelf: FileShelf | undefined
  places: Iterable<Place>
  memory: Memory
  nowMs: number
}

/** The whole way, also when an entry is only to be confirmed: a file may have appeared where it goes before the one we know. */
function findFile({ head, key, shelf, places, memory, nowMs }: Search): Found | undefined {
  const located = locate(places, acceptedBy(head))
  if (located?.kind !== 'file') {
    if (shelf !== undefined) memory.putFile(key, undefined)
    return located && { kind: 'redirect', answer: slashRedirect(head.target, located.place.policy) }
  }
  const { coding, codings, path, place, file } = located
  const known = shelf && isSame(shelf.codings, codings) ? shelf.entries : undefined
  const entry = known?.get(coding)
  if (entry?.path === path && entry.identity === file.identity) {
    closeSync(file.descriptor)
    entry.checkedAtMs = nowMs
    return entry.ready
  }

  const { found, final } = load(located, nowMs)
  if (found.kind === 'ready' && final && mayKeep(head.target, place)) {
    const fresh: Entry = { ready: found, path, identity: file.identity, checkedAtMs: nowMs }
    memory.putFile(key, { codings, entries: new Map([...(known ?? []), [coding, fresh]]) })
  } else if (shelf !== undefined) memory.putFile(key, undefined)
  return found
}

/** Any query with `extension=` that names no page leads to the same file: it would be kept once for each. */
function mayKeep(target: string, place: Place): boolean {
  return !place.isFile || !target.includes('?') || !hasPageName(target)
}

function isSame(left: LocatedFile['codings'], right: LocatedFile['codings']): boolean {
  return left.length === right.length && left.every((coding, index) => coding === right[index])
}
