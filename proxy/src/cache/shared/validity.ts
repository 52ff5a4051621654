import { createPurgeLog, type AnswerNames, type PurgeLog } from '../purge-log.ts'
import { EVERYTHING, withoutScheme } from '../../purge.ts'

/** A point in the sequence of purges, and in that of this worker's own invalidations. */
export type Moment = { readonly purges: number; readonly invalidations: number }

/** Says whether what was begun at some moment may still be stored, or joined. */
export type Validity = {
  now(): Moment
  holds(names: AnswerNames, since: Moment): boolean
  /** An unsafe request has succeeded (RFC 9111 4.4): what was begun before is about something that may be no more. */
  invalidate(key: string): void
}

const MAX_BYTES = 1024 * 1024

/** Invalidations are a sequence of their own, which no other machine hears of, and no disk keeps. */
export function createValidity(purges: PurgeLog): Validity {
  const invalidations = createPurgeLog(MAX_BYTES)
  return {
    now: () => ({ purges: purges.position(), invalidations: invalidations.position() }),
    holds(names, since) {
      return (
        purges.verdict(names, since.purges) === 'keep' && invalidations.verdict(names, since.invalidations) === 'keep'
      )
    },
    invalidate(key) {
      const purge = { ...EVERYTHING, everything: false, urls: [withoutScheme(key)] }
      invalidations.add({ number: invalidations.position() + 1, purge })
    },
  }
}
