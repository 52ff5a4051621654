import { closeSync } from 'node:fs'
import type { RequestHead } from '../../request.ts'
import { isPlainTarget } from '../../static/names.ts'
import { createHostFolderMap, realPath } from '../host-folders.ts'
import { locate } from '../locate.ts'
import { mayAnswer } from '../lookup.ts'
import { cdnPlaces, sitePlaces, type Place } from '../places.ts'
import { linesOf } from '../rules/fields.ts'
import type { FileView } from './view.ts'

export type FilePlaces = {
  readonly cacheDirectory: string
  readonly cdnDirectory: string
  readonly pageFiles: boolean
}

/** Which file answers a request, if one does. Throws the system's errors. */
export function explainFile(head: RequestHead, places: FilePlaces): FileView | undefined {
  if (!mayAnswer(head, places.pageFiles) || !isPlainTarget(head.target)) return undefined
  const located = locate(placesOf(head, places), head.headers['accept-encoding']?.toString())
  if (located === undefined) return undefined
  const { place } = located
  const about = { rule: ruleOf(place), cacheControl: linesOf(place.policy, 'cache-control')[0] ?? '' }
  if (located.kind === 'directory') return { kind: 'redirect', path: place.path, ...about }
  const { path, codings, file } = located
  closeSync(file.descriptor)
  const kind = place.isFile ? 'static file' : 'page file'
  return { kind, path, ...about, bytes: file.size, modifiedAtMs: file.modifiedMs, codings }
}

function placesOf(head: RequestHead, { cacheDirectory, cdnDirectory }: FilePlaces): Iterable<Place> {
  if (head.site.kind === 'cdn') {
    const directory = realPath(cdnDirectory)
    return directory === undefined ? [] : cdnPlaces(head, directory)
  }
  const folders = createHostFolderMap(cacheDirectory).of(head.host, Date.now())
  return folders === undefined ? [] : sitePlaces(head, folders)
}

function ruleOf({ path, root, isFile }: Place): string {
  if (isFile) return 'a static file, or one of the blog’s folder'
  const lifetime = path.startsWith(`${root}/permanent`) ? 'permanent' : 'temporary'
  return `a page that the app wrote (${lifetime}): the app owns it`
}
