/** What a purge names: an entry goes when one of the names is its own. */
export type Purge = {
  /** Normalised, without a port. */
  readonly hosts: readonly string[]
  /** Both schemes are meant, so none is written: `//example.com/path?query`. */
  readonly urls: readonly string[]
  /** The beginning of such a URL, its host whole: `//example.com/2026`. */
  readonly prefixes: readonly string[]
  /** As in `Cache-Tag` and `Surrogate-Key`. */
  readonly tags: readonly string[]
  /** Every entry; then there are no names. */
  readonly everything: boolean
  /** What has a lifetime becomes stale instead of being dropped. */
  readonly soft: boolean
}

/** A purge at its place in the sequence of one machine. */
export type NumberedPurge = {
  readonly number: number
  readonly purge: Purge
  /** When it got its number, ms since the epoch; unknown of one that an older edge wrote down. */
  readonly atMs?: number
}

/** A purge that has been applied: here, and on the other machines or on its way to them. */
export type PurgeOutcome = {
  /** Entries that went, by name in the order of `namesOf`, in all workers of this machine. */
  readonly counts: readonly number[]
  /** Other machines will hear of it when the store is back. */
  readonly pending: boolean
}

/** A purge on its way to the machines that share a store. One without names only marks a place. */
export type SharedPurge = NumberedPurge & {
  /** Which process wrote it: it knows its own again. */
  readonly writer: string
}

/** The purges of all machines that share a store, in one order. Everything rejects while the store is away. */
export type PurgeStream = {
  /** @returns the place of the last one. */
  append(purges: readonly SharedPurge[]): Promise<string>
  /**
   * The next ones behind a place, none if it is the last. If the stream does not hold that place any more, what came after it
   * is unknown: it was too long ago (`trimmed`), or the store forgot it, and perhaps what others have yet to read (`lost`).
   */
  read(place: string): Promise<readonly StreamedPurge[] | 'trimmed' | 'lost'>
  /** Resolves when there may be something behind a place. */
  wait(place: string): Promise<void>
  /** Whoever reads or waits is rejected. */
  close(): void
}
export type StreamedPurge = SharedPurge & { readonly place: string }

export const NOTHING: Purge = { hosts: [], urls: [], prefixes: [], tags: [], everything: false, soft: false }
export const EVERYTHING: Purge = { ...NOTHING, everything: true }

/** A purge as JSON has it: what is empty or false is left out. */
export type PurgeFields = { -readonly [Field in keyof Purge]?: Purge[Field] }

export function toFields(purge: Purge): PurgeFields {
  const given = Object.entries(purge).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value))
  return Object.fromEntries(given)
}

/** @param fields such as `toFields` makes. Whatever cannot be understood might name anything: it is a purge of everything. */
export function fromFields(fields: unknown): Purge {
  if (typeof fields !== 'object' || fields === null) return EVERYTHING
  const {
    hosts = [],
    urls = [],
    prefixes = [],
    tags = [],
    everything = false,
    soft = false,
    ...unknown
  } = fields as {
    [Field in keyof Purge]?: unknown
  }
  const lists = [hosts, urls, prefixes, tags]
  const isKnown = Object.keys(unknown).length === 0 && lists.every(isTexts)
  if (!isKnown || everything !== false || typeof soft !== 'boolean')
    return { ...EVERYTHING, soft: isKnown && soft === true }
  return { hosts, urls, prefixes, tags, everything, soft } as Purge
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** What is named, one by one: `host example.com`, `tag blog:1`. */
export function namesOf({ hosts, urls, prefixes, tags, everything }: Purge): string[] {
  return [
    ...(everything ? ['everything'] : []),
    ...hosts.map((host) => `host ${host}`),
    ...urls.map((url) => `url ${url}`),
    ...prefixes.map((prefix) => `prefix ${prefix}`),
    ...tags.map((tag) => `tag ${tag}`),
  ]
}

/** A URL without its scheme, as purges name it. */
export function withoutScheme(url: string): string {
  return url.slice(url.indexOf('//'))
}

/** The host of such a URL. */
export function hostIn(url: string): string {
  return url.slice(2, url.indexOf('/', 2))
}
