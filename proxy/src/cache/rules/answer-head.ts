import type { FieldList } from '../representation.ts'

/** An answer's head as it came, or as it is stored. */
export type AnswerHead = {
  readonly status: number
  /** Flat, end-to-end fields only. */
  readonly fields: FieldList
  /** When the request was sent and the answer's head arrived, ms since the epoch. */
  readonly requestedMs: number
  readonly receivedMs: number
}
