import { LRUCache } from 'lru-cache'
import type { Reason } from '../reasons.ts'

/** What became of an answer of the app. */
export type AnswerDecision = {
  readonly atMs: number
  readonly status: number
  /** Undefined: it was stored. */
  readonly why: Reason | undefined
}

/** What was decided about a key lately. */
export type KeyDecisions = {
  readonly answer?: AnswerDecision
  /** The last request that was not answered from what is stored, whatever that was. */
  readonly request?: { readonly atMs: number; readonly why: Reason }
}

/** Remembers why answers are not stored, for whoever asks. Only what goes to the app is written down. */
export type Decisions = {
  answered(key: string, status: number, why: Reason | undefined): void
  bypassed(key: string, why: Reason): void
  of(key: string): KeyDecisions | undefined
}

/** Keys are named by strangers. */
const MAX_BYTES = 1024 * 1024
/** What a decision costs besides its key. */
const DECISION_BYTES = 300
const MAX_KEY_BYTES = 4096

export function createDecisions(now: () => number): Decisions {
  const known = new LRUCache<string, KeyDecisions>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_, key) => key.length + DECISION_BYTES,
  })

  function add(key: string, decision: KeyDecisions): void {
    if (key.length <= MAX_KEY_BYTES) known.set(key, { ...known.peek(key), ...decision })
  }

  return {
    answered: (key, status, why) => add(key, { answer: { atMs: now(), status, why } }),
    bypassed(key, why) {
      // Of such a site that is known beforehand.
      if (why !== 'site') add(key, { request: { atMs: now(), why } })
    },
    of: (key) => known.peek(key),
  }
}
