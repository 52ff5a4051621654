import { EVERYTHING, fromFields, namesOf, type Purge, type PurgeOutcome } from '../purge.ts'
import { quote, readHost, readNames, readTag, readUrl, type Wrong } from './purge-names.ts'

/** Names in one request; whoever has more sends more requests, or purges everything. */
export const MAX_PURGE_NAMES = 1000

/** Names as they were sent. */
export type PurgeWish = {
  readonly hosts?: readonly string[]
  readonly urls?: readonly string[]
  readonly prefixes?: readonly string[]
  readonly tags?: readonly string[]
  readonly everything?: true
  readonly soft?: boolean
}

export const EXPECTED =
  '{"hosts": ["example.com"]}, or "urls", "prefixes", "tags", or {"everything": true}; with "soft": true if it only becomes stale'

/** @param target the request's: `/purge?host=a&host=b` as Blot has it, and `tag` beside `host`. */
export function parsePurgeQuery(target: string): Purge | Wrong {
  const mark = target.indexOf('?')
  const parameters = [...new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1))]
  const unknown = parameters.find(([name]) => name !== 'host' && name !== 'tag')
  if (unknown !== undefined) return { error: `unknown parameter ${quote(unknown[0])}: /purge?host=example.com` }
  if (parameters.length === 0) return { error: 'no host is named: /purge?host=example.com' }
  const valuesOf = (wanted: string): string[] =>
    parameters.filter(([name]) => name === wanted).map(([, value]) => value)
  return readPurge({ hosts: valuesOf('host'), tags: valuesOf('tag') })
}

/** Throws nothing: what is wrong is in the answer. */
export function readPurge({
  hosts = [],
  urls = [],
  prefixes = [],
  tags = [],
  everything,
  soft = false,
}: PurgeWish): Purge | Wrong {
  const count = hosts.length + urls.length + prefixes.length + tags.length
  if (everything === true && count > 0) return { error: 'everything is named, and something besides' }
  if (everything === true) return { ...EVERYTHING, soft }
  if (count === 0) return { error: `nothing is named: expected ${EXPECTED}` }
  if (count > MAX_PURGE_NAMES) return { error: `${count} names: at most ${MAX_PURGE_NAMES} in one request` }
  const read = {
    hosts: readNames(hosts, readHost),
    urls: readNames(urls, readUrl),
    prefixes: readNames(prefixes, readUrl),
    tags: readNames(tags, readTag),
  }
  return Object.values(read).find((names): names is Wrong => 'error' in names) ?? fromFields({ ...read, soft })
}

/** A line a name: `example.com: 12` for a host, as Blot reads it, and `tag blog:1: 3`. */
export function renderPurge(purge: Purge, { counts }: PurgeOutcome): string {
  const lines = namesOf(purge).map((name, index) => `${name.replace(/^host /, '')}: ${counts[index] ?? 0}\n`)
  return lines.join('')
}

/** What `POST /purge` answers. */
export type PurgeAnswer = {
  readonly entries: number
  readonly pending: boolean
  /** Entries by what was named: `host example.com`, `tag blog:1`, `everything`. */
  readonly names: Readonly<Record<string, number>>
}

export function toPurgeAnswer(purge: Purge, { counts, pending }: PurgeOutcome): PurgeAnswer {
  const names = namesOf(purge).map((name, index) => [name, counts[index] ?? 0] as const)
  const entries = counts.reduce((sum, count) => sum + count, 0)
  return { entries, pending, names: Object.fromEntries(names) }
}
