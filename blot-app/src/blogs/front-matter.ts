import { LineCounter, parseDocument } from 'yaml'
import { SourceFault } from './source-fault.ts'

/** The fields of a post's front matter; what the author left out is undefined. */
export interface FrontMatter {
  readonly title: string | undefined
  readonly date: Date | undefined
  readonly tags: readonly string[]
  readonly link: string | undefined
  readonly draft: boolean
}

const mostFrontMatterCharacters = 64 * 1024
const longestTitle = 300
const mostTags = 50
const opening = /^---[ \t]*\n/
const closing = /^(?:---|\.\.\.)[ \t]*$/m

/**
 * Splits a source into front matter and body and reads the front matter.
 * @throws {SourceFault} when the front matter is not what it should be.
 */
export function readFrontMatter(source: string): { readonly metadata: FrontMatter; readonly body: string } {
  const { yaml, body } = split(source)
  const fields = parseFields(yaml)
  const metadata = {
    title: readTitle(fields.get('title')),
    date: readDate(fields.get('date')),
    tags: readTags(fields.get('tags')),
    link: readLink(fields.get('link')),
    draft: readFlag(fields.get('draft')),
  }
  return { metadata, body }
}

function split(source: string): { readonly yaml: string; readonly body: string } {
  const opened = opening.exec(source)
  if (opened === null) return { yaml: '', body: source }
  const rest = source.slice(opened[0].length)
  const closed = closing.exec(rest)
  if (closed !== null && closed.index <= mostFrontMatterCharacters) {
    return { yaml: rest.slice(0, closed.index), body: rest.slice(closed.index + closed[0].length + 1) }
  }
  // A line of dashes may also be a horizontal rule; a field below it shows that front matter was meant.
  if (!/^[\w-]+[ \t]*:/.test(rest)) return { yaml: '', body: source }
  throw new SourceFault('The front matter begins with "---" but is never closed by a line with "---".')
}

function parseFields(yaml: string): ReadonlyMap<string, unknown> {
  const lines = new LineCounter()
  const document = parseDocument(yaml, { prettyErrors: false, lineCounter: lines, logLevel: 'silent' })
  const [fault] = document.errors
  if (fault !== undefined) {
    // The opening dashes are the file's first line.
    const line = lines.linePos(fault.pos[0]).line + 1
    throw new SourceFault(`The front matter is not valid YAML, line ${line}: ${fault.message}`)
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  if (value === null || value === undefined) return new Map()
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new SourceFault('The front matter must hold fields, such as "title: My first post".')
  }
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]))
}

function readTitle(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const title = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''
  if (title !== '' && title.length <= longestTitle) return title
  throw new SourceFault(`"title" must be a text of at most ${longestTitle} characters.`)
}

function readDate(value: unknown): Date | undefined {
  if (value === undefined || value === null) return undefined
  const written = typeof value === 'string' ? value.trim() : ''
  const date = parseDate(written)
  if (date !== undefined) return date
  throw new SourceFault(`"date" must look like 2026-05-17 or 2026-05-17 08:30, not ${JSON.stringify(value)}.`)
}

/** A day, or a moment with or without an offset (UTC then). Days that do not exist, such as 31 April, are refused. */
export function parseDate(written: string): Date | undefined {
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}:\d{2})?)?$/.exec(written)
  if (parts === null) return undefined
  const [, day = '', time = '00:00', offset = 'Z'] = parts
  const midnight = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return undefined
  const date = new Date(`${day}T${time}${offset}`)
  return Number.isNaN(date.getTime()) ? undefined : date
}

function readTags(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  const list: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [{}]
  const isTag = (tag: unknown): boolean => typeof tag === 'string' || typeof tag === 'number'
  if (!list.every(isTag) || list.length > mostTags) {
    throw new SourceFault(`"tags" must be a list of at most ${mostTags} words, such as [soil, spring].`)
  }
  return [...new Set(list.map((tag) => String(tag).trim()).filter((tag) => tag !== ''))]
}

function readLink(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value.trim()
  throw new SourceFault('"link" must be a path, such as /about.')
}

function readFlag(value: unknown): boolean {
  if (value === undefined || value === null || typeof value === 'boolean') return value ?? false
  throw new SourceFault('"draft" must be true or false.')
}
