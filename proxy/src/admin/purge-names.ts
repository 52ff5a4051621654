import { normaliseName } from '../site/name.ts'

/** The longest URL and the longest tag that a purge may name, characters. */
const MAX_URL = 2048
const MAX_TAG = 256
const SHOWN_CHARACTERS = 80

/** What is wrong with a request, for the one who made it. */
export type Wrong = { readonly error: string }
type Read = (name: string) => string | Wrong

/** Visible ASCII without the comma that separates tags in `Cache-Tag`. */
const TAG = /^[!-+\--~]+$/
/** A port may be there, as browsers show it: it is no part of any key. */
const URL_PARTS = /^(?:https?:)?\/\/(?<host>[^/?#:]*)(?::\d{1,5})?(?<target>\/[^#]*)?(?:#.*)?$/i

export const readHost: Read = (host) =>
  normaliseName(host) ?? { error: `${quote(host)} is not a host name (without a port): example.com` }

export const readTag: Read = (tag) =>
  tag.length <= MAX_TAG && TAG.test(tag) ? tag : { error: `${quote(tag)} is not a tag: 1 to ${MAX_TAG} letters` }

/** The target stays byte for byte, as requests have it; what is beyond ASCII is encoded as browsers do. */
export const readUrl: Read = (url) => {
  const { host = '', target = '/' } = URL_PARTS.exec(url)?.groups ?? {}
  const name = normaliseName(host)
  if (name === undefined || !url.isWellFormed())
    return { error: `${quote(url)} is not a URL: https://example.com/path` }
  const normal = `//${name}${target.replaceAll(/[^!-~]/gu, encodeURIComponent)}`
  return normal.length <= MAX_URL ? normal : { error: `${quote(url)} is longer than ${MAX_URL} characters` }
}

/** Reads each name. @returns each once, in order; or what is wrong with the first that is. */
export function readNames(names: readonly string[], read: Read): string[] | Wrong {
  const known = new Set<string>()
  for (const name of names) {
    const normal = read(name)
    if (typeof normal !== 'string') return normal
    known.add(normal)
  }
  return [...known]
}

export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text)
}
