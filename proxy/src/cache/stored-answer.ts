import type { AnswerNames } from './purge-log.ts'
import type { StoredHead } from './rules/stored-head.ts'
import type { VaryNames } from './rules/vary.ts'

/** What is known of an answer of the app that is kept; its body lies in memory or in a file. */
export type StoredAnswer = {
  /** `scheme://host/target?query` of its request. */
  readonly key: string
  /** By which purges find it. */
  readonly names: AnswerNames
  readonly vary: VaryNames
  /** What its request said in those fields (`selectionOf`): another one that says the same may have it. */
  readonly selection: string
  readonly head: StoredHead
  /** The number of the latest purge when its request was sent. */
  readonly since: number
  /** Stale before its time, by a soft purge or by what the app said of it since. */
  readonly isStale: boolean
}
