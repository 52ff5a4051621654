import { StoreUnavailable, WebhookUnknown } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { WebhookCounts, WebhookQueue, WebhookState, WebhookView } from './contracts.ts'

/** What an operator may ask of webhooks, and do with them: the admin API and the commands rest on it. */
export type WebhookDesk = {
  /** Those of one state, or of both: those that wait first, the oldest first. */
  list(state?: WebhookState): AsyncIterable<WebhookView>
  counts(): Promise<WebhookCounts>
  /** Has it wait again if it was given up, and tried now in any case. Rejects with EDGE_ERR_WEBHOOK_UNKNOWN, EDGE_ERR_WEBHOOKS_FULL. */
  retry(id: string): Promise<WebhookView>
  /** Has all wait again that were given up. @returns how many. */
  retryAll(): Promise<number>
  /** Rejects with EDGE_ERR_WEBHOOK_UNKNOWN. */
  drop(id: string): Promise<void>
  /** @returns how many. */
  dropAll(state: WebhookState): Promise<number>
  /** What is not as it should be: a sentence each. */
  trouble(): Promise<string[]>
}

/** A webhook may wait for so long without a word about it. */
const LONG_MS = 5 * 60_000

const webhooks = edgeChannel('webhook')

/** @param wake has whoever delivers look at once. */
export function createWebhookDesk(queue: WebhookQueue, spare: WebhookQueue | undefined, wake: () => void): WebhookDesk {
  const queues = spare === undefined ? [queue] : [queue, spare]

  /** The first of the queues that has it. */
  async function inSome<Value>(id: string, ask: (one: WebhookQueue) => Promise<Value>): Promise<Value> {
    for (const one of queues) {
      const view = await one.find(id)
      if (view !== undefined) return ask(one)
    }
    throw new WebhookUnknown(JSON.stringify(id.slice(0, 80)))
  }

  async function* list(state?: WebhookState): AsyncGenerator<WebhookView> {
    const states = state === undefined ? (['waiting', 'dead'] as const) : [state]
    for (const one of states) for (const queued of queues) yield* queued.list(one)
  }

  async function counts(): Promise<WebhookCounts> {
    const [first, second] = await Promise.all(queues.map((one) => one.counts()))
    const since = [first, second].flatMap((one) => one?.oldestSinceMs ?? [])
    return {
      waiting: (first?.waiting ?? 0) + (second?.waiting ?? 0),
      dead: (first?.dead ?? 0) + (second?.dead ?? 0),
      oldestSinceMs: since.length === 0 ? undefined : Math.min(...since),
    }
  }

  /** @returns how many were there. */
  async function forAll(
    state: WebhookState,
    work: (one: WebhookQueue, view: WebhookView) => Promise<boolean>,
  ): Promise<number> {
    let done = 0
    for (const one of queues) for await (const view of one.list(state)) if (await work(one, view)) done++
    return done
  }

  async function dropFrom(one: WebhookQueue, view: WebhookView): Promise<boolean> {
    const isDropped = await one.remove(view.id)
    const { id, path, attempts } = view
    if (isDropped) webhooks.publish({ phase: 'dropped', id, path, attempts, reason: 'by an operator' })
    return isDropped
  }

  return {
    list,
    counts,
    retry: (id) =>
      inSome(id, async (one) => {
        await one.retry(id)
        wake()
        const view = await one.find(id)
        if (view === undefined) throw new WebhookUnknown(id)
        return view
      }),
    async retryAll() {
      const done = await forAll('dead', (one, { id }) => one.retry(id))
      wake()
      return done
    },
    drop: (id) =>
      inSome(id, async (one) => {
        const view = await one.find(id)
        if (view !== undefined) await dropFrom(one, view)
      }),
    dropAll: (state) => forAll(state, dropFrom),
    async trouble() {
      try {
        return describe(await counts())
      } catch (error) {
        // Others say that the store is away.
        if (error instanceof StoreUnavailable) return []
        throw error
      }
    },
  }
}

function describe({ waiting, dead, oldestSinceMs = Infinity }: WebhookCounts): string[] {
  const isLong = waiting > 0 && Date.now() - oldestSinceMs > LONG_MS
  return [
    ...(isLong ? [`${count(waiting)} for the app since ${new Date(oldestSinceMs).toISOString()}`] : []),
    ...(dead > 0 ? [`${dead} ${dead === 1 ? 'webhook was' : 'webhooks were'} given up: blot-edge webhooks list`] : []),
  ]
}

function count(waiting: number): string {
  return waiting === 1 ? '1 webhook waits' : `${waiting} webhooks wait`
}
