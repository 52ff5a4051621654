import type { KeptPurges } from './purge-journal.ts'
import { namesOf, withoutScheme, type NumberedPurge } from '../purge.ts'

/** The names by which purges find an answer. */
export type AnswerNames = {
  readonly host: string
  /** `https://example.com/path?query`, as in the cache's key. */
  readonly url: string
  readonly tags: readonly string[]
}

/** May an answer be stored or served? As it is, as stale, or not at all. */
export type Verdict = 'keep' | 'stale' | 'drop'

/** A purge that is about an answer, by the name that it has in common with it: `tag post:1`, `everything`. */
export type LatestPurge = Required<Pick<NumberedPurge, 'number'>> &
  Pick<NumberedPurge, 'atMs'> & { readonly name: string; readonly soft: boolean }

/** The purges of this machine in their order, as far as they are kept. */
export type PurgeLog = {
  /** The number of the latest purge: note it when a fetch, a read, a revalidation or a recompression begins. */
  position(): number
  /** What the purges after `since` say of an answer. `drop` as well if they are no longer known. */
  verdict(names: AnswerNames, since: number): Verdict
  /** The latest one that is about such an answer; undefined: none that is still known. */
  latest(names: AnswerNames): LatestPurge | undefined
  /** Purges come in the order of their numbers. */
  add(purge: NumberedPurge): void
  /** Of the purges up to this number nothing is known. */
  startAfter(number: number): void
}

/** Of the purges that have one name, the latest, and the latest that was not soft (0: none). */
type Stamp = { readonly latest: number; readonly hard: number; readonly atMs: number | undefined }

const MAX_BYTES = 8 * 1024 * 1024
/** What a name costs besides its own bytes. */
const NAME_BYTES = 120

/** @param maxBytes of names; beyond it the oldest are forgotten, and what is older than they are is dropped. */
export function createPurgeLog(maxBytes: number = MAX_BYTES): PurgeLog {
  // In the order of `latest`: a name that is purged again moves to the end.
  const stamps = new Map<string, Stamp>()
  const prefixLengths = new Map<number, number>()
  let bytes = 0
  let position = 0
  /** Answers from before this number are dropped. */
  let floor = 0
  /** The latest soft purge of everything. */
  let stale = 0
  /** The latest purge of everything. */
  let whole: LatestPurge | undefined

  function put(key: string, { number, atMs, purge: { soft } }: NumberedPurge): void {
    const known = stamps.get(key)
    if (known === undefined) {
      bytes += key.length + NAME_BYTES
      if (isPrefix(key)) prefixLengths.set(key.length, (prefixLengths.get(key.length) ?? 0) + 1)
    } else stamps.delete(key)
    stamps.set(key, { latest: number, hard: soft ? (known?.hard ?? 0) : number, atMs })
  }

  function forgetOldest(): void {
    for (const [key, { latest }] of stamps) {
      if (bytes <= maxBytes) break
      floor = Math.max(floor, latest)
      stamps.delete(key)
      bytes -= key.length + NAME_BYTES
      if (!isPrefix(key)) continue
      const others = (prefixLengths.get(key.length) ?? 1) - 1
      if (others === 0) prefixLengths.delete(key.length)
      else prefixLengths.set(key.length, others)
    }
  }

  function startAfter(number: number): void {
    stamps.clear()
    prefixLengths.clear()
    bytes = 0
    floor = number
    position = number
  }

  function* keysOf({ host, url, tags }: AnswerNames): Generator<string, void> {
    const path = withoutScheme(url)
    yield `host ${host}`
    yield `url ${path}`
    for (const tag of tags) yield `tag ${tag}`
    for (const length of prefixLengths.keys()) yield PREFIX + path.slice(0, length - PREFIX.length)
  }

  return {
    position: () => position,
    startAfter,
    verdict(names, since) {
      if (since === position) return 'keep'
      // A greater one is of another sequence, whose files are gone.
      if (since < floor || since > position) return 'drop'
      let verdict: Verdict = since < stale ? 'stale' : 'keep'
      if (stamps.size === 0) return verdict
      for (const key of keysOf(names)) {
        const stamp = stamps.get(key)
        if (stamp === undefined || stamp.latest <= since) continue
        if (stamp.hard > since) return 'drop'
        verdict = 'stale'
      }
      return verdict
    },
    latest(names) {
      let found = whole
      for (const name of keysOf(names)) {
        const stamp = stamps.get(name)
        if (stamp === undefined || stamp.latest <= (found?.number ?? 0)) continue
        found = { name, number: stamp.latest, soft: stamp.hard !== stamp.latest, ...timeOf(stamp) }
      }
      return found
    },
    add(numbered) {
      const { number, purge } = numbered
      if (purge.everything) whole = { name: 'everything', number, soft: purge.soft, ...timeOf(numbered) }
      if (purge.everything && !purge.soft) {
        startAfter(number)
        return
      }
      position = number
      if (purge.everything) stale = number
      else for (const name of namesOf(purge)) put(name, numbered)
      forgetOldest()
    },
  }
}

/** A log of what is kept of the sequence. */
export function recallPurges({ after, entries }: KeptPurges): PurgeLog {
  const log = createPurgeLog()
  log.startAfter(after)
  for (const entry of entries) log.add(entry)
  return log
}

function timeOf({ atMs }: { atMs?: number | undefined }): Pick<NumberedPurge, 'atMs'> {
  return atMs === undefined ? {} : { atMs }
}

const PREFIX = 'prefix '

function isPrefix(key: string): boolean {
  return key.startsWith(PREFIX)
}
