import { edgeChannel, type WebhookPhase } from '../events.ts'
import {
  deliveryFields,
  type AppWatch,
  type Courier,
  type Webhook,
  type WebhookQueue,
  type WebhookView,
} from './contracts.ts'
import type { DeliveryLimits } from './limits.ts'
import { describe, judgeError, judgeStatus, type Verdict } from './verdict.ts'

export type TryOptions = {
  readonly queue: WebhookQueue
  readonly courier: Courier
  readonly app: AppWatch
  readonly limits: DeliveryLimits
  /** ms since the epoch, of a clock that nobody sets. */
  readonly now: () => number
}

export type Tries = {
  /**
   * Sends a webhook once, and does with it what follows from that: it is gone, it is given up, or it waits.
   * @returns for how long the path is to be left alone.
   */
  attempt(view: WebhookView, webhook: Webhook, signal: AbortSignal): Promise<number>
  /** Removes one that the app has taken already, when the store was away. @returns false for any other. */
  finish(view: WebhookView): Promise<boolean>
  /** Gives one up. */
  bury(view: WebhookView, reason: string): Promise<void>
}

type Outcome = { readonly verdict: Verdict; readonly words: string; readonly retryAfterMs?: number | undefined }

/** For how long at most an app is believed that it wants to be left alone. */
const MOST_RETRY_AFTER_MS = 5 * 60_000

const webhooks = edgeChannel('webhook')

export function createTries({ queue, courier, app, limits, now }: TryOptions): Tries {
  /** How often in a row the app had no time for the first of a path. */
  const delays = new Map<string, number>()
  /** Which of a path was delivered, and is not removed yet: nothing behind it is sent before. */
  const delivered = new Map<string, string>()

  function publish(phase: WebhookPhase, { id, path, attempts }: WebhookView, reason?: string): void {
    webhooks.publish({ phase, id, path, attempts, reason })
  }

  async function send(webhook: Webhook, attempts: number, signal: AbortSignal): Promise<Outcome> {
    try {
      const headers = deliveryFields(webhook.id, attempts)
      const answer = await courier.send(webhook.request, { headers, limitMs: limits.answerMs, signal })
      answer.discard()
      const { status, retryAfterMs } = answer
      return { verdict: judgeStatus(status), words: describe(status), retryAfterMs }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      // What cannot be sent at all is as if it had been refused.
      return { verdict: judgeError(error) ?? 'refused', words: describe(error) }
    }
  }

  /** Was the app there, so that this webhook is to blame? */
  async function isFailure(verdict: Verdict): Promise<boolean> {
    if (verdict === 'unclear') return app.look()
    return verdict === 'refused' || verdict === 'broken'
  }

  async function bury(view: WebhookView, reason: string): Promise<void> {
    const dropped = await queue.bury(view.id, reason)
    delays.delete(view.path)
    publish('dead', view, reason)
    for (const id of dropped) {
      webhooks.publish({ phase: 'dropped', id, path: view.path, attempts: 0, reason: 'too many were given up' })
    }
  }

  async function remove(view: WebhookView): Promise<void> {
    delivered.set(view.path, view.id)
    await queue.remove(view.id)
    delivered.delete(view.path)
    delays.delete(view.path)
    publish('delivered', view)
  }

  async function giveTime(view: WebhookView, { words, retryAfterMs = 0 }: Outcome, failures: number): Promise<number> {
    if (failures >= limits.failures) {
      await bury(view, `${words}, ${failures} times`)
      return 0
    }
    if (now() - view.sinceMs > limits.ageMs) {
      await bury(view, `${words}, and waited for too long`)
      return 0
    }
    const isFailed = failures > view.failures
    const delayed = isFailed ? 0 : (delays.get(view.path) ?? 0) + 1
    delays.set(view.path, delayed)
    const doublings = (isFailed ? failures : delayed) - 1
    const pauseMs = Math.min(limits.mostPauseMs, limits.firstPauseMs * 2 ** doublings)
    return Math.max(pauseMs, Math.min(retryAfterMs, MOST_RETRY_AFTER_MS))
  }

  return {
    async attempt(before, webhook, signal) {
      const attempts = await queue.begin(before.id)
      if (attempts === undefined) return 0
      const view = { ...before, attempts }
      const outcome = await send(webhook, attempts, signal)
      // It was ended, and says nothing of the app.
      if (outcome.verdict !== 'taken' && signal.aborted) return 0
      if (outcome.verdict === 'taken') {
        await remove(view)
        return 0
      }
      const isCounted = await isFailure(outcome.verdict)
      await queue.note(view.id, { error: outcome.words, isFailure: isCounted })
      publish('failed', view, outcome.words)
      return giveTime(view, outcome, view.failures + (isCounted ? 1 : 0))
    },
    async finish(view) {
      const isDelivered = delivered.get(view.path) === view.id
      if (isDelivered) await remove(view)
      return isDelivered
    },
    bury,
  }
}
