import type { Coding } from '../../static/coding.ts'
import type { LatestPurge } from '../purge-log.ts'
import type { Rule } from '../reasons.ts'
import type { Reuse } from '../rules/reuse.ts'
import type { KeyDecisions } from '../shared/decisions.ts'

/** Plain data, for the way between processes and as JSON. Times are ms since the epoch, durations seconds. */

/** An answer of the app that is stored. */
export type StoredView = {
  readonly status: number
  readonly bytes: number
  /** In which it can be sent at once, beside the body as the app sent it. */
  readonly codings: readonly Coding[]
  readonly vary: readonly string[]
  /** What its request said in those fields. */
  readonly selection: string
  /** May the request that is asked about have it (RFC 9111 4.1)? */
  readonly isSelected: boolean
  readonly tags: readonly string[]
  /** When it came, or was confirmed last. */
  readonly storedAtMs: number
  readonly ageS: number
  readonly lifetimeS: number
  /** Who says so. */
  readonly lifetimeFrom: Rule
  /** What is left of that; negative for how long it has been stale. */
  readonly leftS: number
  /** How long after its time it is sent: at once, while the app is asked; and while the app is away. */
  readonly whileRevalidatingS: number
  readonly ifErrorS: number
  /** What becomes of the request; `purged`: a later purge is about it, so that it is a miss. */
  readonly reuse: Reuse | 'purged'
  /** Why it is not sent as it is. */
  readonly rule: Rule | undefined
}

/** A file that answers, or the directory that is redirected to its slash. */
export type FileView = {
  readonly kind: 'page file' | 'static file' | 'redirect'
  readonly path: string
  readonly rule: string
  readonly cacheControl: string
  readonly bytes?: number
  readonly modifiedAtMs?: number
  /** Copies beside it. */
  readonly codings?: readonly Coding[]
}

/** What one worker knows. */
export type MemoryView = {
  readonly process: string
  /** The file is in memory, in these codings; as it was at the last look. */
  readonly file: { readonly codings: readonly (Coding | 'identity')[]; readonly checkedAtMs: number } | undefined
  readonly stored: readonly StoredView[]
  readonly decisions: KeyDecisions | undefined
  readonly purge: LatestPurge | undefined
}

export type DiskView = {
  readonly stored: StoredView | undefined
  /** There are answers to other requests for this URL; to which, nobody knows. */
  readonly hasOthers: boolean
  /** Nothing can be said. A code of the system. */
  readonly fault: string | undefined
}

export type CacheExplanation = {
  readonly key: string
  /** Who answers a GET now. */
  readonly answers: 'memory' | 'disk' | FileView['kind'] | 'the app'
  readonly because: Rule
  readonly file: FileView | undefined
  /** Files could not be looked for: a code of the system. */
  readonly fileFault: string | undefined
  /** Null: unknown, since no edge was asked. */
  readonly memory: readonly MemoryView[] | null
  readonly disk: DiskView
  /** The latest that is about it. */
  readonly purge: LatestPurge | undefined
}
