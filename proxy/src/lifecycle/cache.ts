import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createAnswerTier } from '../cache/answers.ts'
import { createCompose, createDeliver, type Compose, type Deliver } from '../cache/deliver.ts'
import { createDiskTier } from '../cache/disk/disk-tier.ts'
import { createReclaimer } from '../cache/disk/reclaim.ts'
import { explainMemory } from '../cache/explain/explain-memory.ts'
import type { MemoryView } from '../cache/explain/view.ts'
import { createLookup, type Lookup } from '../cache/lookup-answer.ts'
import { createFileTier } from '../cache/lookup.ts'
import { createMemory } from '../cache/memory.ts'
import { isComposedNow } from '../cache/rules/composed.ts'
import { createDecisions } from '../cache/shared/decisions.ts'
import { createPartTier } from '../cache/part-tier.ts'
import { createEngine } from '../cache/shared/engine.ts'
import { createValidity } from '../cache/shared/validity.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import type { Purge } from '../purge.ts'
import type { RequestHead } from '../request.ts'
import type { SiteKind } from '../site/site.ts'
import { hasBody } from '../upstream/body.ts'
import type { FetchOrAnswer, UpstreamOptions } from '../upstream/plugin.ts'
import type { CallHandlers, Channel } from './channel.ts'
import { openWorkerPurges } from './worker-purges.ts'

/** The cache of a worker, joined to the rooms around it. */
export type WorkerCache = Lookup & {
  readonly deliver: Deliver
  readonly compose: Compose
  /** Did the app compose this answer, though it says by its status that it is in trouble? */
  isComposed(status: number, fields: readonly string[]): boolean
  /** What stands between visitors and the app. */
  around(tools: Pick<UpstreamOptions, 'commonHeaders'>): NonNullable<UpstreamOptions['around']>
  stats(): { entries: number; bytes: number }
  /** Called before the first visitor comes. */
  refresh(): Promise<void>
  /** @param tags of what lies on the disk. */
  explain(head: RequestHead, tags: readonly string[]): Omit<MemoryView, 'process'>
  close(): Promise<void>
}

export type CacheManager = { reclaim(): Promise<void>; close(): void }

/** The largest body that is stored; what is larger passes by. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** Larger bodies stay on the disk. */
const MAX_MEMORY_BODY_BYTES = 1024 * 1024
/** Of the disk's bound, what all workers together write before they ask for room. */
const ALLOWANCE = 0.05
/** After its start, the manager looks how full the disk tier is when the machine has got over the start itself. */
const FIRST_RECLAIM_MS = 60_000

export async function openWorkerCache(
  config: Config,
  channel: Channel,
  handlers: CallHandlers,
  onPurge: (purge: Purge) => void,
): Promise<WorkerCache> {
  const memory = createMemory(config.memoryCacheBytes)
  const files = createFileTier({
    cacheDirectory: config.cacheDirectory,
    cdnDirectory: join(config.appDataDirectory, 'static'),
    memory,
    pageFiles: config.pageFiles,
  })
  const { log, refresh } = await openWorkerPurges(config, handlers, {
    purge(purge) {
      onPurge(purge)
      return files.purge(purge)
    },
  })
  const disk = config.diskCacheBytes === 0 ? undefined : openDisk(config, channel)
  const answers = createAnswerTier({ memory, disk, log, maxMemoryBytes: MAX_MEMORY_BODY_BYTES })
  const parts = createPartTier(memory, log, MAX_MEMORY_BODY_BYTES)
  const validity = createValidity(log)
  const decisions = createDecisions(Date.now)
  const deliver = createDeliver()

  function invalidate(keys: readonly string[]): void {
    for (const key of keys) {
      validity.invalidate(key)
      answers.drop(key)
    }
  }
  const self = randomUUID()
  handlers.invalidate = ({ keys, by }) => {
    if (by !== self) invalidate(keys)
    return Promise.resolve(null)
  }
  function invalidateEverywhere(keys: readonly string[]): void {
    invalidate(keys)
    channel.call('worker', 'invalidate', { keys, by: self }).catch((error: unknown) => {
      edgeChannel('fault').publish({ area: 'cache', message: 'invalidation did not reach every worker', error })
    })
  }

  return {
    ...createLookup(files, answers),
    deliver,
    compose: createCompose(),
    isComposed: (status, fields) => isComposedNow(status, fields, Date.now()),
    around({ commonHeaders }) {
      const untilPurged = untilPurgedFor(config.untilPurged)
      const maxBodyBytes = disk === undefined ? MAX_MEMORY_BODY_BYTES : MAX_BODY_BYTES
      const rooms = {
        answers,
        parts,
        validity,
        decisions,
        deliver,
        commonHeaders,
        hasBody,
        invalidate: invalidateEverywhere,
      }
      const rules = { pageFiles: config.pageFiles, untilPurged, maxBodyBytes, now: Date.now }
      // Who delivers an answer asks its target for nothing but the address.
      return (app) => createEngine({ app, ...rooms, ...rules }) as FetchOrAnswer
    },
    stats: () => memory.stats(),
    refresh,
    explain: (head, tags) => explainMemory(head, tags, { memory, log, decisions, now: Date.now }),
    async close() {
      files.close()
      await disk?.idle()
    },
  }
}

function openDisk(config: Config, channel: Channel): ReturnType<typeof createDiskTier> {
  return createDiskTier({
    cacheDirectory: config.cacheDirectory,
    allowanceBytes: Math.floor((config.diskCacheBytes * ALLOWANCE) / config.workers),
    reclaim: () => channel.call('manager', 'reclaim', null),
    maxMemoryBytes: MAX_MEMORY_BODY_BYTES,
    now: Date.now,
  })
}

/** The leading manager's part: keeps the disk tier below its bound. @returns a way to end it. */
export function openCacheManager({ cacheDirectory, diskCacheBytes }: Config): CacheManager {
  const reclaimer = createReclaimer(cacheDirectory, diskCacheBytes)
  const first = setTimeout(() => {
    reclaimer.reclaim().catch((error: unknown) => {
      edgeChannel('fault').publish({ area: 'cache', message: 'disk cache could not be looked through', error })
    })
  }, FIRST_RECLAIM_MS).unref()
  return {
    async reclaim() {
      await reclaimer.reclaim()
    },
    close: () => clearTimeout(first),
  }
}

const KINDS: Record<Config['untilPurged'][number], SiteKind> = { handles: 'handle', domains: 'domain' }

function untilPurgedFor(kinds: Config['untilPurged']): (head: RequestHead) => boolean {
  const known = new Set(kinds.map((kind) => KINDS[kind]))
  return ({ site }) => known.has(site.kind)
}
