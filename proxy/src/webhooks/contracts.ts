import type { RequestHead } from '../request.ts'

/** A request as an upstream is to get it: every rule about headers has been applied. */
export type WebhookRequest = {
  readonly method: string
  /** Byte for byte. */
  readonly target: string
  /** Flat, with `Host`, the forwarding fields and `Content-Length`. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

export type Webhook = {
  /** That of the request which brought it, 32 hex digits: the app knows it again by that. */
  readonly id: string
  /** Its target without the query: webhooks of one path are delivered in the order in which they were accepted. */
  readonly path: string
  /** Of target and body: equal ones have the same. */
  readonly digest: string
  readonly acceptedAtMs: number
  readonly request: WebhookRequest
}

/** `waiting` for the app, or `dead`: given up until an operator decides. */
export type WebhookState = 'waiting' | 'dead'

/** What may be shown of a webhook: its body and its headers are secrets. */
export type WebhookView = {
  readonly id: string
  readonly path: string
  readonly state: WebhookState
  /** Of its body. */
  readonly bytes: number
  readonly acceptedAtMs: number
  /** Since when it waits, or is given up. */
  readonly sinceMs: number
  /** Tries that were begun. */
  readonly attempts: number
  /** Those of them in which the app was there, and did not take it. */
  readonly failures: number
  readonly triedAtMs: number | undefined
  /** What came of the last try: `503`, `EDGE_ERR_UPSTREAM_TIMEOUT`. */
  readonly error: string | undefined
}

/** What came of tries that were no deliveries. */
export type Tried = Pick<WebhookView, 'attempts' | 'failures' | 'error'>

export const UNTRIED: Tried = { attempts: 0, failures: 0, error: undefined }

export type WebhookCounts = {
  readonly waiting: number
  readonly dead: number
  /** Since when the first in order waits. */
  readonly oldestSinceMs: number | undefined
}

/**
 * Where webhooks wait for the app. What `add` has resolved is there after a crash of everything.
 * Every method rejects with EDGE_ERR_STORE_UNAVAILABLE when the store does not answer, or not in time.
 */
export type WebhookQueue = {
  /**
   * Keeps a webhook behind all of its path. An equal one that waits and was never tried stands for both: nobody has seen it yet.
   * An id that is kept already is kept once. Rejects with EDGE_ERR_WEBHOOKS_FULL; nothing older goes for it.
   * @returns the id under which it is kept.
   */
  add(webhook: Webhook, tried?: Tried): Promise<string>
  hasWaiting(path: string): Promise<boolean>
  /** The paths on which webhooks wait. */
  paths(): Promise<readonly string[]>
  /** The one of a path that waits longest. */
  next(path: string): Promise<WebhookView | undefined>
  /** Undefined for one that is not there. Rejects with EDGE_ERR_STORE_KEY_UNKNOWN, or EDGE_ERR_WEBHOOK_DAMAGED. */
  read(id: string): Promise<Webhook | undefined>
  /** Counts a try that begins now. @returns its number, from 1; undefined when it does not wait any more. */
  begin(id: string): Promise<number | undefined>
  /** Writes down what came of a try. */
  note(id: string, outcome: { readonly error: string; readonly isFailure: boolean }): Promise<void>
  /** It was delivered, or dropped. @returns false when it was not there. */
  remove(id: string): Promise<boolean>
  /** Gives one up that waits. Where too many were given up, the oldest goes. @returns the ids of those. */
  bury(id: string, error: string): Promise<readonly string[]>
  /**
   * One that was given up waits again, behind all of its path; one that waits stays in its place. Its failures are forgotten.
   * Rejects with EDGE_ERR_WEBHOOKS_FULL. @returns false when it was not there.
   */
  retry(id: string): Promise<boolean>
  find(id: string): Promise<WebhookView | undefined>
  /** Those that wait, then those that were given up, the oldest first. */
  list(state: WebhookState): AsyncIterable<WebhookView>
  counts(): Promise<WebhookCounts>
  /** Waits until this process is the one that delivers. Rejects when `signal` aborts. */
  lead(signal: AbortSignal): Promise<Lead>
}

/** Whoever delivers: nobody else does until it is released, or lost. */
export type Lead = { readonly lost: AbortSignal; release(): Promise<void> }

/** How the app is asked. */
export type Courier<Answer extends AppAnswer = AppAnswer> = {
  /** What an upstream is to get of a request, by the rules for all of them; the body is here. Throws EDGE_ERR_REQUEST_INVALID. */
  prepare(head: RequestHead, body: Buffer): WebhookRequest
  /**
   * Asks an upstream, another one where the first cannot be reached. Resolves with the head of an answer. Rejects with
   * UpstreamRefused where nobody has seen the request, with UpstreamTimeout or UpstreamUnavailable where somebody may have acted on it.
   */
  send(request: WebhookRequest, options: SendOptions): Promise<Answer>
}

export type SendOptions = {
  /** Fields that are added for this try. */
  readonly headers: readonly string[]
  /** For the answer to begin. */
  readonly limitMs: number
  /** Ends it. */
  readonly signal: AbortSignal
}

export type AppAnswer = {
  readonly status: number
  /** What it says in `Retry-After`. */
  readonly retryAfterMs: number | undefined
  /** Nobody wants the answer. */
  discard(): void
}

/** How the app is, for whoever delivers. */
export type AppWatch = {
  /** Is there nobody who takes requests? */
  isAway(): boolean
  /** Somebody takes requests again. @returns a function that ends the subscription. */
  onBack(listener: () => void): () => void
  /** Has a look, now: is there somebody who is well? */
  look(): Promise<boolean>
}

/** By what the app knows a webhook again: the same id with each try. */
export function deliveryFields(id: string, attempt: number): string[] {
  return ['Edge-Webhook-Id', id, 'Edge-Webhook-Attempt', String(attempt)]
}
