import { StoreUnavailable } from '../errors.ts'
import type { Tried, Webhook, WebhookQueue } from './contracts.ts'

/** Where webhooks are put that the app cannot take now. */
export type Keeper = {
  /** Do others of this path wait? While nobody can say, none do. */
  hasWaiting(path: string): Promise<boolean>
  /** Resolves when a crash of everything leaves it there, with the id under which it is kept. Rejects as `WebhookQueue.add` does. */
  keep(webhook: Webhook, tried: Tried): Promise<string>
}

/** @param spare of this machine alone, for while the shared store is away; its webhooks move there when it is back. */
export function createKeeper(queue: WebhookQueue, spare: WebhookQueue | undefined): Keeper {
  const waitsIn = (one: WebhookQueue, path: string): Promise<boolean> => one.hasWaiting(path).catch(() => false)

  return {
    async hasWaiting(path) {
      return (spare !== undefined && (await waitsIn(spare, path))) || waitsIn(queue, path)
    },
    async keep(webhook, tried) {
      // Behind those that have yet to move.
      if (spare !== undefined && (await waitsIn(spare, webhook.path))) return spare.add(webhook, tried)
      try {
        return await queue.add(webhook, tried)
      } catch (error) {
        if (spare === undefined || !(error instanceof StoreUnavailable)) throw error
        return spare.add(webhook, tried)
      }
    },
  }
}
