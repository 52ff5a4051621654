import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What lies in Blot's cache folder. */
export type CacheInventory = {
  readonly directory: string
  readonly isThere: boolean
  readonly hosts: number
  /** Page files, those in gzip included; counted up to a bound. */
  readonly pageFiles: number
  readonly isCounted: boolean
  /** Links `folder` and `static` that lead nowhere. */
  readonly deadLinks: readonly string[]
  /** Files of `proxy_cache`, which the edge does not read: the app is asked again. */
  readonly nginxFiles: number
}

const MOST_FILES = 200_000

export async function readCacheInventory(directory: string): Promise<CacheInventory> {
  const names = await readdir(directory).catch(() => undefined)
  const counted = { pageFiles: 0, nginxFiles: 0, deadLinks: [] as string[], hosts: 0, isCounted: true }
  for (const name of names ?? []) {
    // `levels=1:2` of proxy_cache_path: folders of one and two hexadecimal digits.
    if (/^[0-9a-f]$/.test(name)) counted.nginxFiles += await countFiles(join(directory, name), MOST_FILES)
    else if (!name.startsWith('.')) await readHost(join(directory, name), counted)
    if (counted.pageFiles + counted.nginxFiles >= MOST_FILES) {
      counted.isCounted = false
      break
    }
  }
  return { directory, isThere: names !== undefined, ...counted }
}

type Counted = { pageFiles: number; deadLinks: string[]; hosts: number }

async function readHost(folder: string, counted: Counted): Promise<void> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) return
  counted.hosts++
  for (const link of ['folder', 'static']) {
    const path = join(folder, link)
    const itself = await lstat(path).catch(() => undefined)
    if (itself === undefined || (await stat(path).catch(() => undefined)) !== undefined) continue
    counted.deadLinks.push(`${path} -> ${await readlink(path).catch(() => '')}`)
  }
  for (const scheme of ['http', 'https']) {
    counted.pageFiles += await countFiles(join(folder, scheme), MOST_FILES - counted.pageFiles)
  }
}

async function countFiles(folder: string, most: number): Promise<number> {
  let count = 0
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (count >= most) break
    count += entry.isDirectory() ? await countFiles(join(folder, entry.name), most - count) : 1
  }
  return count
}
