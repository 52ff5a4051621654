import { join } from 'node:path'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { openFileWebhooks, type FileWebhooks } from '../store/file-webhooks.ts'
import type { Store } from '../store/open.ts'
import { createSealer } from '../store/seal.ts'
import { ORDINARY } from '../upstream/classes.ts'
import { collectBody } from '../upstream/collect.ts'
import { createCourier } from '../upstream/courier.ts'
import type { Monitor } from '../upstream/health/monitor.ts'
import type { FetchOrAnswer, UpstreamOptions } from '../upstream/plugin.ts'
import { createPool, type UpstreamPool } from '../upstream/pool.ts'
import { createAcceptor } from '../webhooks/accept.ts'
import type { AppWatch, WebhookCounts } from '../webhooks/contracts.ts'
import { startDeliverer, type Deliverer } from '../webhooks/deliver.ts'
import { createWebhookDesk, type WebhookDesk } from '../webhooks/desk.ts'
import { createKeeper } from '../webhooks/keep.ts'
import { ANSWER_MS, ARRIVING_MS, MAX_BODY_BYTES, QUEUE_LIMITS } from '../webhooks/limits.ts'
import { createMatcher } from '../webhooks/match.ts'
import type { MaintenanceManager } from './maintenance.ts'

/** How the room `webhooks` is joined to the store, to the workers, who accept, and to the manager, who delivers. */

export type WorkerWebhooks = {
  /** What stands before everything else that asks the app. */
  around(fetch: FetchOrAnswer, tools: Pick<UpstreamOptions, 'commonHeaders'>): FetchOrAnswer
  close(): void
}

export type WorkerWebhookOptions = {
  readonly store: Pick<Store, 'webhooks'>
  readonly pool: UpstreamPool
  readonly closed: () => Error | undefined
  /** How long the app may take while the sender waits. */
  readonly answerMs?: number
  /** How long a body may take. */
  readonly arrivingMs?: number
}

export async function openWorkerWebhooks(
  config: Config,
  { store, pool, closed, answerMs = ANSWER_MS, arrivingMs = ARRIVING_MS }: WorkerWebhookOptions,
): Promise<WorkerWebhooks> {
  const spare = await openSpareWebhooks(config)
  const limits = { ...ORDINARY, maxBodyBytes: MAX_BODY_BYTES }
  return {
    around(fetch, { commonHeaders }) {
      const accept = createAcceptor({
        match: createMatcher(config.host, config.webhookPaths),
        keeper: createKeeper(store.webhooks, spare),
        courier: createCourier(pool, config.httpsPort),
        collect: (exchange, arrived) => collectBody(exchange, { limits, withinMs: arrivingMs, arrived }),
        answerMs,
        closed,
        isAway: pool.isAway,
        secret: config.dropboxSecret,
        commonHeaders,
      })
      return (exchange) => {
        const accepting = accept(exchange)
        if (accepting === undefined) return fetch(exchange)
        return accepting.then((sent) => {
          if (sent === undefined) return undefined
          exchange.upstream = sent.answer.head.target.address
          return sent.answer
        })
      }
    },
    close: () => spare?.close(),
  }
}

/** The manager's part: what an operator asks. */
export type WebhookManager = {
  readonly desk: WebhookDesk
  readonly spare: FileWebhooks | undefined
  /** Undefined while the store does not answer. */
  counts(): Promise<WebhookCounts | undefined>
  close(): void
}

/** @param wake has whoever delivers look at once. */
export async function openWebhookManager(
  config: Config,
  { webhooks }: Pick<Store, 'webhooks'>,
  wake: () => void,
): Promise<WebhookManager> {
  const spare = await openSpareWebhooks(config)
  const desk = createWebhookDesk(webhooks, spare, wake)
  return {
    desk,
    spare,
    counts: () => desk.counts().catch(() => undefined),
    close: () => spare?.close(),
  }
}

export type DeliveryRooms = {
  readonly store: Pick<Store, 'webhooks'>
  readonly webhooks: Pick<WebhookManager, 'spare'>
  readonly monitor: Monitor
  readonly maintenance: Pick<MaintenanceManager, 'view'>
}

/** A duty of the manager that leads. */
export type Delivery = Pick<Deliverer, 'wake' | 'close'>

export function startDelivery(config: Config, { store, webhooks, monitor, maintenance }: DeliveryRooms): Delivery {
  const pool = createPool({ upstreams: config.upstreams })
  pool.onDoubt((url) => void monitor.check([url]))
  const app: AppWatch = {
    isAway() {
      pool.apply(monitor.health())
      return monitor.isAway()
    },
    onBack: monitor.onBack,
    async look() {
      const health = await monitor.check(config.upstreams.map(({ url }) => url))
      return health.some(({ verdict }) => verdict === 'up')
    },
  }
  const courier = createCourier(pool, config.httpsPort)
  const options = { courier, app, isClosed: async () => (await maintenance.view()).on }
  const deliverers = [startDeliverer({ ...options, queue: store.webhooks })]
  const { spare } = webhooks
  if (spare !== undefined) deliverers.push(startDeliverer({ ...options, queue: spare, move: store.webhooks.add }))
  return {
    wake() {
      for (const deliverer of deliverers) deliverer.wake()
    },
    async close() {
      await Promise.all(deliverers.map((deliverer) => deliverer.close()))
      await pool.close()
    },
  }
}

/**
 * Webhooks that came while the shared store was away: in a folder of this machine. Undefined where the store is one itself, and where the
 * folder cannot be made.
 */
export async function openSpareWebhooks(
  config: Pick<Config, 'store' | 'dataDirectory' | 'storeKey' | 'storeKeyOld'>,
): Promise<FileWebhooks | undefined> {
  if (config.store.kind === 'file') return undefined
  const sealer = createSealer({ key: config.storeKey, formerKey: config.storeKeyOld })
  try {
    return await openFileWebhooks(join(config.dataDirectory, 'webhooks'), sealer, QUEUE_LIMITS)
  } catch (error) {
    edgeChannel('fault').publish({ area: 'webhooks', message: 'the folder for webhooks cannot be used', error })
    return undefined
  }
}
