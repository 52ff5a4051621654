import { codeOf, StoreFenced, StoreUnavailable, WebhooksFull } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Tried, Webhook, WebhookView } from './contracts.ts'
import { DELIVERY_LIMITS } from './limits.ts'
import { createPauses } from './pauses.ts'
import { createTries, type TryOptions } from './try.ts'

export type DelivererOptions = Omit<TryOptions, 'limits' | 'now'> &
  Partial<Pick<TryOptions, 'limits' | 'now'>> & {
    /** May the app not be asked now: maintenance? */
    isClosed(): Promise<boolean>
    /** Puts a webhook where it belongs. Rejects while that is away; then it is delivered from here. */
    readonly move?: (webhook: Webhook, tried: Tried) => Promise<unknown>
  }

/** Delivers what waits: those of a path one by one in their order, those of several paths side by side. */
export type Deliverer = {
  /** Whatever it waits for, it looks now. */
  wake(): void
  /** What is under way has a moment to end; then nothing is delivered any more, and somebody else may lead. */
  close(): Promise<void>
}

/** How long somebody else is waited for who leads. */
const LEAD_WAIT_MS = 2000

export function startDeliverer(options: DelivererOptions): Deliverer {
  const { queue, app, move, isClosed, limits = DELIVERY_LIMITS, now = steadyNow } = options
  const closing = new AbortController()
  const ending = new AbortController()
  const pauses = createPauses()
  const tries = createTries({ ...options, limits, now })
  /** Paths that are to be left alone for a while, by `performance.now()`. */
  const notBeforeMs = new Map<string, number>()

  const mayDeliver = async (): Promise<boolean> => !app.isAway() && !(await isClosed())
  /** What has to move can do so without an app. */
  const isWorthALook = async (): Promise<boolean> => move !== undefined || mayDeliver()

  async function live(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        if ((await isWorthALook()) && (await queue.paths()).length > 0) await lead()
      } catch (error) {
        publishUnexpected(error)
      }
      if (!closing.signal.aborted) await pauses.pause(limits.lookMs)
    }
  }

  async function lead(): Promise<void> {
    const held = await queue.lead(AbortSignal.any([closing.signal, AbortSignal.timeout(LEAD_WAIT_MS)]))
    try {
      await deliverAll(AbortSignal.any([ending.signal, held.lost]))
    } finally {
      await held.release()
    }
  }

  /** Until nothing waits any more, or nothing can be delivered. @param signal from now on nothing may be sent. */
  async function deliverAll(signal: AbortSignal): Promise<void> {
    const lanes = new Map<string, Promise<void>>()
    const failures: unknown[] = []
    const isOver = (): boolean => closing.signal.aborted || signal.aborted || failures.length > 0
    while (!isOver() && (await isWorthALook())) {
      const paths = await queue.paths()
      if (paths.length === 0) break
      for (const path of paths) {
        if (lanes.has(path) || (notBeforeMs.get(path) ?? 0) > performance.now()) continue
        const lane = deliverPath(path, signal, isOver).catch((error: unknown) => void failures.push(error))
        lanes.set(
          path,
          lane.then(() => void lanes.delete(path)),
        )
      }
      await pauses.pause(limits.lookMs)
    }
    await Promise.all(lanes.values())
    if (failures.length > 0) throw failures[0]
  }

  /** One after the other, until there is none, or it is to be left alone. */
  async function deliverPath(path: string, signal: AbortSignal, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const view = await queue.next(path)
      if (view === undefined) return
      if (await tries.finish(view)) continue
      const webhook = await open(view)
      if (webhook === undefined || (await moves(webhook, view))) continue
      if (!(await mayDeliver())) return
      const pauseMs = await tries.attempt(view, webhook, signal)
      if (pauseMs === 0) continue
      notBeforeMs.set(path, performance.now() + pauseMs)
      return
    }
  }

  /** One that cannot be read any more must not stand in the way of all behind it. */
  async function open(view: WebhookView): Promise<Webhook | undefined> {
    try {
      return await queue.read(view.id)
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error
      await tries.bury(view, codeOf(error))
      return undefined
    }
  }

  async function moves(webhook: Webhook, { attempts, failures, error }: WebhookView): Promise<boolean> {
    if (move === undefined) return false
    try {
      await move(webhook, { attempts, failures, error })
    } catch (reason) {
      if (reason instanceof StoreUnavailable || reason instanceof WebhooksFull) return false
      throw reason
    }
    await queue.remove(webhook.id)
    return true
  }

  const unsubscribe = app.onBack(wake)
  function wake(): void {
    notBeforeMs.clear()
    pauses.wake()
  }
  const living = live()
  return {
    wake,
    async close() {
      unsubscribe()
      closing.abort(new DOMException('the manager closes', 'AbortError'))
      pauses.wake()
      const timer = setTimeout(() => ending.abort(), limits.closeMs)
      await living
      clearTimeout(timer)
    },
  }
}

/** The clock as it was when this process began, and the time since: whoever sets the clock makes nothing old. */
function steadyNow(): number {
  return performance.timeOrigin + performance.now()
}

/** Somebody else leads, the store is away, or this process ends: all of that is usual. */
function publishUnexpected(error: unknown): void {
  if (error instanceof DOMException || error instanceof StoreUnavailable || error instanceof StoreFenced) return
  if (codeOf(error) === 'ABORT_ERR') return
  edgeChannel('fault').publish({ area: 'webhooks', message: 'delivery was interrupted', error })
}
