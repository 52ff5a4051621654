import type { IncomingHttpHeaders } from 'node:http'

export interface Validators {
  readonly etag: string
  readonly modified: Date
}

/** Whether the visitor's copy is still good (RFC 9110, 13.2.2): the date counts only where no tag is given. */
export function isNotModified(headers: IncomingHttpHeaders, { etag, modified }: Validators): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return tags.trim() === '*' || tagsIn(tags).includes(weak(etag))
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return !Number.isNaN(since) && toSeconds(modified) <= toSeconds(new Date(since))
}

/** Whether a range may be taken from the present content (RFC 9110, 13.1.5). */
export function rangeStillFits(headers: IncomingHttpHeaders, { etag, modified }: Validators): boolean {
  const validator = headers['if-range']
  if (typeof validator !== 'string') return true
  return validator.startsWith('"') ? validator === etag : validator === modified.toUTCString()
}

/** A moment as a header may name it: never later than now (RFC 9110, 8.8.2.1). */
export function lastModified(modified: Date): string {
  return new Date(Math.min(modified.getTime(), Date.now())).toUTCString()
}

function tagsIn(list: string): string[] {
  return list.match(/(?:W\/)?"[^"]*"/g)?.map(weak) ?? []
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '')
}

function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}
