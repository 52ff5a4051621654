import { join } from 'node:path'
import type { RequestHead } from '../request.ts'
import { isSource } from '../site/sources.ts'
import { NEIGHBOUR_SUFFIXES, type CopySuffixes } from '../static/coding.ts'
import { decodePath, isServable, unicodeForms } from '../static/names.ts'
import type { HostFolders } from './host-folders.ts'
import { hasPageName, pathOf } from './key.ts'
import type { FieldList } from './representation.ts'

/** One name under which a file may be found. */
export type Place = {
  /** Real path of the folder in which the opened file must lie. */
  readonly root: string
  readonly path: string
  /** A file that somebody put there, rather than a page that the app wrote: directories are redirected to their slash. */
  readonly isFile: boolean
  readonly copies: CopySuffixes
  readonly policy: FieldList
  /** Names below the root that are not shown, whichever link leads to them. */
  readonly hides?: (name: string) => boolean
}

const YEAR = 'public, max-age=31536000'
const PERMANENT: FieldList = ['Cache-Control', YEAR]
const TEMPORARY: FieldList = ['Cache-Control', 'no-cache']
/** Whoever saves a file in a blog's folder tells nobody: browsers may keep it, and ask each time. */
const CHANGING: FieldList = ['Cache-Control', 'public, max-age=0, must-revalidate']
const CDN: FieldList = ['Cache-Control', YEAR, 'Access-Control-Allow-Origin', '*']
const PAGE_COPIES: CopySuffixes = [['gzip', 'gzip']]

/** The places of a handle's or a domain's answer in the order of Blot: `permanent`, `static`, `temporary`, `folder`. */
export function* sitePlaces(
  { scheme, target }: Pick<RequestHead, 'scheme' | 'target'>,
  folders: HostFolders,
): Generator<Place, void> {
  // Page files are named by the target as it was sent.
  const page = hasPageName(target) && isServable(target) ? target : undefined
  const names = fileNames(pathOf(target))
  const pages = join(folders.pages, scheme)

  if (page !== undefined) yield* pagePlaces(pages, 'permanent', page, PERMANENT)
  if (folders.static !== undefined) yield* filePlaces(folders.static, folders.static, names, CHANGING)
  if (page !== undefined) yield* pagePlaces(pages, 'temporary', page, TEMPORARY)
  if (folders.folder === undefined) return
  const shown = names.filter((name) => !isSource(name))
  for (const place of filePlaces(folders.folder, folders.folder, shown, CHANGING)) yield { ...place, hides: isSource }
}

/** `cdn` holds a folder for each blog: no link leads from one to another. */
export function* cdnPlaces({ target }: Pick<RequestHead, 'target'>, directory: string): Generator<Place, void> {
  for (const name of fileNames(pathOf(target))) {
    const slash = name.indexOf('/', 1)
    const root = slash === -1 ? directory : `${directory}${name.slice(0, slash)}`
    yield* filePlaces(directory, root, [name], CDN)
  }
}

function* pagePlaces(pages: string, lifetime: string, name: string, policy: FieldList): Generator<Place, void> {
  const path = `${pages}/${lifetime}${name}`
  const place = { root: pages, isFile: false, copies: PAGE_COPIES, policy }
  if (!name.endsWith('/')) yield { ...place, path }
  yield { ...place, path: withIndex(path) }
}

function* filePlaces(base: string, root: string, names: readonly string[], policy: FieldList): Generator<Place, void> {
  for (const name of names) {
    const path = `${base}${name}`
    yield {
      root,
      path: name.endsWith('/') ? withIndex(path) : path,
      isFile: true,
      copies: NEIGHBOUR_SUFFIXES,
      policy,
    }
  }
}

export function withIndex(path: string): string {
  return path.endsWith('/') ? `${path}index.html` : `${path}/index.html`
}

/** The names of a file on disk: the path, decoded once; none if it must not be looked for. */
function fileNames(path: string): readonly string[] {
  const name = decodePath(path)
  return name !== undefined && isServable(name) ? unicodeForms(name) : []
}
