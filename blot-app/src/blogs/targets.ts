import path from 'node:path'
import type { ParsedSource } from './parse-source.ts'
import { slugOf, targetOf } from './slug.ts'
import { SourceFault } from './source-fault.ts'

const datePrefix = /^\d{4}-\d{2}-\d{2}[\s_-]*/
const mostLinkCharacters = 500
const ownTargets = new Set(['/', '/archives', '/feed.rss', '/sitemap.xml', '/robots.txt', '/style.css', '/health'])

/** A file's name without date and extension: the fallback for its title. */
export function baseName(source: string): string {
  const name = path.posix.parse(source).name
  return name.replace(datePrefix, '') || name
}

/** The URL that a file has by its name alone. */
export function nameTarget(source: string): string {
  return targetOf([slugOf(baseName(source)) || 'untitled'])
}

/** The path of the file itself as a URL, such as `/Posts/my-post.md`. */
export function sourceTarget(source: string): string {
  return targetOf(source.split('/').map((segment) => segment.toWellFormed()))
}

/** Whether the blog answers this URL with a page of its own. */
export function isOwnTarget(target: string): boolean {
  return ownTargets.has(target) || /^\/(?:tagged|page)(?:\/|$)/.test(target)
}

/**
 * The URL that an author chose by `link`.
 * @throws {SourceFault} when it is no path or the blog uses it itself.
 */
export function linkTarget(link: string): string {
  const segments = link
    .replace(/^\/+|\/+$/g, '')
    .split('/')
    .map(decodeSegment)
  const faulty = segments.some(
    (segment) => segment === '' || segment.startsWith('.') || /[?#\\\0/]/.test(segment) || !segment.isWellFormed(),
  )
  if (faulty || link.length > mostLinkCharacters) {
    throw new SourceFault(`"link" must be a path such as /about or /notes/spring, not ${JSON.stringify(link)}.`)
  }
  const target = targetOf(segments)
  if (isOwnTarget(target)) throw new SourceFault(`"link" cannot be ${target}: the blog has a page of its own there.`)
  return target
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** Source path to URL, and source path to the fault of a chosen link. */
export interface Placement {
  readonly placed: ReadonlyMap<string, string>
  readonly faults: ReadonlyMap<string, string>
}

/**
 * Gives every source its URL. Chosen links come first, then slugs of titles in the order of the paths; whoever finds
 * a slug taken gets a number. The same files always get the same URLs.
 */
export function placeSources(sources: ReadonlyMap<string, ParsedSource>): Placement {
  const { placed, faults } = placeLinks(sources)
  const taken = new Set(placed.values())
  const lastNumbers = new Map<string, number>()
  for (const [source, { link, title, heading }] of sources) {
    if (link !== undefined) continue
    const slug = slugOf(title ?? heading ?? '') || slugOf(baseName(source)) || 'untitled'
    const target = freeTarget(slug, taken, lastNumbers)
    taken.add(target)
    placed.set(source, target)
  }
  return { placed, faults }
}

function placeLinks(sources: ReadonlyMap<string, ParsedSource>) {
  const placed = new Map<string, string>()
  const faults = new Map<string, string>()
  const owners = new Map<string, string>()
  for (const [source, { link }] of sources) {
    if (link === undefined) continue
    try {
      const target = linkTarget(link)
      const owner = owners.get(target)
      if (owner !== undefined) throw new SourceFault(`"link" is ${target}, which ${owner} has already.`)
      owners.set(target, source)
      placed.set(source, target)
    } catch (error) {
      if (!(error instanceof SourceFault)) throw error
      faults.set(source, error.message)
    }
  }
  return { placed, faults }
}

/** Remembers the last number of each slug, so that a thousand posts of one name do not cost a million look-ups. */
function freeTarget(slug: string, taken: ReadonlySet<string>, lastNumbers: Map<string, number>): string {
  let number = lastNumbers.get(slug) ?? 1
  let target = targetOf([number === 1 ? slug : `${slug}-${number}`])
  while (taken.has(target) || isOwnTarget(target)) {
    number += 1
    target = targetOf([`${slug}-${number}`])
  }
  lastNumbers.set(slug, number)
  return target
}
