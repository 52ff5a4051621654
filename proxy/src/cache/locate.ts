import { closeSync, type Stats } from 'node:fs'
import { chooseCoding, type Coding } from '../static/coding.ts'
import { lookAt, openWithin, type OpenFile } from '../static/open.ts'
import { withIndex, type Place } from './places.ts'
import { contentTypeOf } from './representation.ts'

/** How far a copy may be older than its original (they are written together) before it counts as left over. */
const COPY_AGE_MS = 2000

export type LocatedFile = {
  readonly kind: 'file'
  readonly place: Place
  readonly contentType: string
  readonly coding: Coding | undefined
  /** The codings in which there are copies. */
  readonly codings: readonly Coding[]
  readonly path: string
  readonly file: OpenFile
}

/** A file, open; or a directory with an index, asked for without its slash. */
export type Located = LocatedFile | { readonly kind: 'directory'; readonly place: Place }

/** @returns the first place that holds something, in the coding that the visitor prefers. */
export function locate(places: Iterable<Place>, acceptEncoding: string | undefined): Located | undefined {
  for (const place of places) {
    const stats = lookAt(place.path)
    if (stats === undefined) continue
    const located = stats.isFile() ? locateFile(place, stats, acceptEncoding) : locateDirectory(place, stats)
    if (located !== undefined) return located
  }
  return undefined
}

function locateFile(place: Place, stats: Stats, acceptEncoding: string | undefined): LocatedFile | undefined {
  // A page file whose name tells no type is left to the app, which knows it: `/v1.0` may well be HTML.
  const contentType = contentTypeOf(place.path) ?? (place.isFile ? 'application/octet-stream' : undefined)
  if (contentType === undefined) return undefined
  const copies = place.copies.filter(([, suffix]) => isCopy(place.path + suffix, stats))
  const codings = copies.map(([coding]) => coding)
  const chosen = chooseCoding(acceptEncoding, codings)
  const suffix = copies.find(([coding]) => coding === chosen)?.[1] ?? ''
  const path = place.path + suffix
  const file = openWithin(place.root, path, place.hides)
  return file === undefined ? undefined : { kind: 'file', place, contentType, coding: chosen, codings, path, file }
}

function isCopy(path: string, original: Stats): boolean {
  const copy = lookAt(path)
  return copy !== undefined && copy.isFile() && copy.mtimeMs >= original.mtimeMs - COPY_AGE_MS
}

function locateDirectory(place: Place, stats: Stats): Located | undefined {
  if (!place.isFile || !stats.isDirectory()) return undefined
  const path = withIndex(place.path)
  if (lookAt(path)?.isFile() !== true) return undefined
  const index = openWithin(place.root, path, place.hides)
  if (index === undefined) return undefined
  closeSync(index.descriptor)
  return { kind: 'directory', place }
}
