const MB = 1024 * 1024
const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

/** What is kept, at most. Sizes are of what is stored of a webhook: its head, and its body in base64. */
export type QueueLimits = {
  readonly waiting: number
  readonly waitingBytes: number
  readonly dead: number
  readonly deadBytes: number
}

export const QUEUE_LIMITS: QueueLimits = { waiting: 20_000, waitingBytes: 64 * MB, dead: 1000, deadBytes: 16 * MB }

/** Of a webhook's body. */
export const MAX_BODY_BYTES = MB
/** Bodies that arrive at the same time, in one worker. */
export const MAX_ARRIVING_BYTES = 64 * MB
/** For all of a body to arrive: while it does, it has its part of those. */
export const ARRIVING_MS = 30 * SECOND

/** How long the app may take to begin an answer while the sender waits: Dropbox gives up after ten seconds. */
export const ANSWER_MS = 8 * SECOND

/** How webhooks that wait are delivered. */
export type DeliveryLimits = {
  /** For the app to begin its answer. */
  readonly answerMs: number
  /** Tries in which the app was there, and did not take it: then it is given up. */
  readonly failures: number
  /** How long one waits at most, if the app does not take it then either. */
  readonly ageMs: number
  /** Between two tries of one webhook: doubled from the first to the last. */
  readonly firstPauseMs: number
  readonly mostPauseMs: number
  /** How often somebody looks whether there is something to deliver. */
  readonly lookMs: number
  /** What is under way when the deliverer closes has so long. */
  readonly closeMs: number
}

export const DELIVERY_LIMITS: DeliveryLimits = {
  answerMs: 30 * SECOND,
  failures: 8,
  ageMs: 3 * DAY,
  firstPauseMs: SECOND,
  mostPauseMs: MINUTE,
  lookMs: SECOND / 2,
  closeMs: 2 * SECOND,
}
