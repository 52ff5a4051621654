import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { codeOf } from '../errors.ts'
import { lookAt } from '../static/open.ts'
import { isFresh } from './fresh.ts'

/** Hosts are named by strangers. */
const MAX_HOSTS = 10_000

/** Where one host's files lie: real paths, without a slash at the end. */
export type HostFolders = {
  /** `{cache}/{host}`, which holds `http` and `https`. */
  readonly pages: string
  /** What the links `static` and `folder` in it led to. */
  readonly static: string | undefined
  readonly folder: string | undefined
}

export type HostFolderMap = {
  /** @returns undefined while the host has no folder, which is remembered too. */
  of(host: string, nowMs: number): HostFolders | undefined
  forget(host: string): void
  clear(): void
}

type Known = { readonly folders: HostFolders | undefined; readonly checkedAtMs: number }

export function createHostFolderMap(cacheDirectory: string): HostFolderMap {
  const known = new LRUCache<string, Known>({ max: MAX_HOSTS })
  return {
    of(host, nowMs) {
      let entry = known.get(host)
      if (entry === undefined || !isFresh(entry.checkedAtMs, nowMs)) {
        entry = { folders: resolveFolders(cacheDirectory, host), checkedAtMs: nowMs }
        known.set(host, entry)
      }
      return entry.folders
    },
    forget(host) {
      known.delete(host)
    },
    clear() {
      known.clear()
    },
  }
}

function resolveFolders(cacheDirectory: string, host: string): HostFolders | undefined {
  if (lookAt(join(cacheDirectory, host))?.isDirectory() !== true) return undefined
  const cache = realPath(cacheDirectory)
  if (cache === undefined) return undefined
  const pages = join(cache, host)
  return { pages, static: realPath(join(pages, 'static')), folder: realPath(join(pages, 'folder')) }
}

/**
 * The real path of a folder; undefined if it is missing, or if its name is no UTF-8: names are compared as text, where
 * different bad bytes would look alike.
 */
export function realPath(path: string): string | undefined {
  // An error with its stack costs more than twenty looks, and a link that is not there is no rarity.
  if (lookAt(path) === undefined) return undefined
  try {
    const real = realpathSync.native(path)
    return real.includes('\uFFFD') ? undefined : real
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return undefined
    throw error
  }
}
