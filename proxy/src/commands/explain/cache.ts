import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { createHostFolderMap, realPath } from '../../cache/host-folders.ts'
import { keyOf } from '../../cache/key.ts'
import { locate } from '../../cache/locate.ts'
import { cdnPlaces, sitePlaces, type Place } from '../../cache/places.ts'
import type { Config } from '../../config.ts'
import type { Site } from '../../site/site.ts'

/** Which tier answers a GET without credentials, and by which rule. */
export type CacheView = { readonly key: string; readonly answers: string; readonly because: string }

export function explainCache(url: string, site: Site, config: Config): CacheView {
  const { protocol, pathname, search } = new URL(url)
  const head = { scheme: protocol === 'http:' ? 'http' : 'https', host: site.host, target: pathname + search } as const
  const key = keyOf(head)
  const app = (because: string): CacheView => ({ key, answers: 'the app', because })
  if (site.kind !== 'cdn' && !site.pageFiles) return app('no page file and no static file is looked for on such a site')
  if (!config.pageFiles && site.kind !== 'cdn') return app('BLOT_CACHE is false')
  const located = locate(placesOf(head, site, config), 'br, gzip')
  if (located === undefined) return app('no file in permanent, static, temporary or folder has this name')
  if (located.kind === 'directory') {
    return { key, answers: `a redirect to ${pathname}/`, because: `${located.place.path} is a folder with an index` }
  }
  closeSync(located.file.descriptor)
  return {
    key,
    answers: `the file ${located.path}, from memory once it was read`,
    because: ruleOf(located.place, head.scheme, config),
  }
}

type Head = Parameters<typeof keyOf>[0]

function placesOf(head: Head, site: Site, { cacheDirectory, appDataDirectory }: Config): Iterable<Place> {
  if (site.kind === 'cdn') {
    const directory = realPath(join(appDataDirectory, 'static'))
    return directory === undefined ? [] : cdnPlaces(head, directory)
  }
  const folders = createHostFolderMap(cacheDirectory).of(site.host, Date.now())
  return folders === undefined ? [] : sitePlaces(head, folders)
}

function ruleOf({ path, isFile }: Place, scheme: string, { cacheDirectory }: Config): string {
  if (isFile) return 'a static file, or one of the blog’s folder'
  const lifetime = path.includes(`/${scheme}/permanent/`) ? 'permanent' : 'temporary'
  return `a page that the app wrote (${lifetime}) into ${cacheDirectory}`
}
