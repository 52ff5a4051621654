import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createAnswerTier } from '../../../src/cache/answers.ts'
import { createCompose, createDeliver } from '../../../src/cache/deliver.ts'
import { createDiskTier } from '../../../src/cache/disk/disk-tier.ts'
import { headFor } from '../../../src/cache/explain/asked.ts'
import { explainMemory } from '../../../src/cache/explain/explain-memory.ts'
import { explain } from '../../../src/cache/explain/explain.ts'
import type { CacheExplanation } from '../../../src/cache/explain/view.ts'
import type { Found } from '../../../src/cache/found.ts'
import { createLookup } from '../../../src/cache/lookup-answer.ts'
import { createFileTier } from '../../../src/cache/lookup.ts'
import { createMemory } from '../../../src/cache/memory.ts'
import { createPurgeLog } from '../../../src/cache/purge-log.ts'
import { isComposedNow } from '../../../src/cache/rules/composed.ts'
import { createDecisions } from '../../../src/cache/shared/decisions.ts'
import { createPartTier } from '../../../src/cache/part-tier.ts'
import { createEngine } from '../../../src/cache/shared/engine.ts'
import { createValidity } from '../../../src/cache/shared/validity.ts'
import { bindListener } from '../../../src/lifecycle/listener.ts'
import { EVERYTHING, type Purge } from '../../../src/purge.ts'
import { createEdgeServer } from '../../../src/server/server.ts'
import { identifySite } from '../../../src/site/site.ts'
import { hasBody, linger } from '../../../src/upstream/body.ts'
import { registerUpstream, type FetchOrAnswer } from '../../../src/upstream/plugin.ts'
import { createVigil } from '../../../src/upstream/health/vigil.ts'
import { createHold, HOLD_LIMITS } from '../../../src/upstream/hold.ts'
import { createPool } from '../../../src/upstream/pool.ts'
import { configure } from '../../config/configure.ts'
import { ask, type Answer } from '../../integration/client.ts'
import { ENTRY } from '../../server/serve.ts'

export const HOST = 'a.test'

/** What the app does with a request; its number counts from 1. */
export type Reply = (request: IncomingMessage, response: ServerResponse, number: number) => void

export type Site = {
  /** What the app was asked, in order. */
  readonly asked: IncomingMessage[]
  reply: Reply
  /** Why the app may not be asked. */
  closed: Error | undefined
  /** Seconds that the edge's clock is ahead. */
  advance(seconds: number): void
  ask(
    path: string,
    headers?: Record<string, string>,
    rest?: { method?: string; host?: string; body?: string; authority?: string },
  ): Promise<Answer>
  purge(purge: Partial<Purge>): Promise<number[]>
  /** The app goes away, and comes back. */
  away(): Promise<void>
  back(): Promise<void>
  readonly edge: number
  readonly entries: () => number
  /** How many answers the express lane has made. */
  readonly composed: () => number
  /** What is in memory is gone, as after a crash; the disk is as it was. */
  forgetMemory(): void
  /** What the edge would do with such a GET; `offline`: as somebody says who reads the disk alone. */
  explain(path: string, options?: { headers?: string[]; host?: string; offline?: true }): Promise<CacheExplanation>
}

export type SiteOptions = {
  cacheDirectory?: string
  pageFiles?: boolean
  untilPurged?: boolean
  disk?: boolean
  memoryBytes?: number
}

/** The edge's own stages, cache and way to the app, on real sockets before a real app; only the clock is the test's. */
export async function startSite(t: Test, options: SiteOptions = {}): Promise<Site> {
  const asked: IncomingMessage[] = []
  let aheadMs = 0
  const now = (): number => Date.now() + aheadMs
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const number = asked.push(request)
    response.setHeader('X-Number', number)
    response.setHeader('Date', new Date(now()).toUTCString())
    site.reply(request, response, number)
  }
  let app = http.createServer(handle).listen(0, '127.0.0.1')
  await once(app, 'listening')
  const { port } = app.address() as AddressInfo

  const cacheDirectory = options.cacheDirectory ?? t.testdir()
  const memoryBytes = options.memoryBytes ?? 10_000_000
  const memory = createMemory(memoryBytes)
  const pageFiles = options.pageFiles ?? false
  const files = createFileTier({ cacheDirectory, cdnDirectory: `${cacheDirectory}/cdn`, memory, pageFiles, now })
  const log = createPurgeLog()
  const maxMemoryBytes = Math.min(1024 * 1024, memoryBytes / 8)
  const reclaim = async (): Promise<void> => {}
  const disk =
    options.disk === true
      ? createDiskTier({ cacheDirectory, allowanceBytes: 1e9, reclaim, maxMemoryBytes, now })
      : undefined
  const answers = createAnswerTier({ memory, disk, log, maxMemoryBytes })
  const parts = createPartTier(memory, log, maxMemoryBytes)
  const validity = createValidity(log)
  const decisions = createDecisions(now)
  const deliver = createDeliver(now)
  const compose = createCompose(now)
  let composed = 0
  const config = configure({ BLOT_HOST: 'blot.example' })
  const pool = createPool({ upstreams: [{ url: `http://127.0.0.1:${port}`, backup: false }] })
  const vigil = createVigil({ pool, path: undefined })

  const server = await createEdgeServer<Found>(config, {
    certificates: { fallback: ENTRY, select: () => undefined, answer: () => Promise.reject(new Error('no TLS here')) },
    ...createLookup(files, answers, now),
    deliver,
    compose(carrier, found, common) {
      composed++
      return compose(carrier, found, common)
    },
    decline(exchange) {
      if (hasBody(exchange.request)) linger(exchange)
    },
    purge: () => Promise.resolve({ status: 200, body: '' }),
    challenge: () => Promise.resolve(undefined),
    mayPurge: () => false,
    upstream: (tools) => ({
      register: (fastify) =>
        registerUpstream(fastify, {
          pool,
          hold: createHold(pool, { ...HOLD_LIMITS, holdMs: 0 }),
          config,
          closed: () => site.closed,
          ...tools,
          isComposed: (status, fields) => isComposedNow(status, fields, now()),
          around: (fetch) =>
            createEngine({
              app: fetch,
              answers,
              parts,
              validity,
              decisions,
              deliver,
              commonHeaders: tools.commonHeaders,
              hasBody,
              pageFiles,
              untilPurged: () => options.untilPurged === true,
              maxBodyBytes: 8 * 1024 * 1024,
              now,
              invalidate(keys) {
                for (const key of keys) {
                  validity.invalidate(key)
                  answers.drop(key)
                }
              },
            }) as FetchOrAnswer,
        }),
      pipe: () => {},
    }),
  })
  const listener = bindListener('127.0.0.1', 0, 'HTTP')
  await server.listen({ scheme: 'http', fd: listener.fd })
  t.teardown(async () => {
    await server.drain({ limitMs: 0, tunnelsMs: 0 })
    vigil.close()
    await pool.close()
    await disk?.idle()
    app.closeAllConnections()
    app.close()
  })

  let purges = 0
  const site: Site = {
    asked,
    reply: (_request, response) => void response.end(),
    closed: undefined,
    edge: listener.port,
    entries: () => memory.stats().entries,
    composed: () => composed,
    forgetMemory: () => void memory.purge(EVERYTHING),
    explain(path, { headers = [], host = HOST, offline } = {}) {
      const about = { scheme: 'http', host, authority: host, target: path, headers } as const
      const head = headFor(about, identifySite(host, config.host, false), listener.port)
      const ask = (tags: readonly string[]) =>
        Promise.resolve([{ process: 'worker-1', ...explainMemory(head, tags, { memory, log, decisions, now }) }])
      const diskDirectory = options.disk === true ? cacheDirectory : undefined
      const places = {
        cacheDirectory,
        cdnDirectory: `${cacheDirectory}/cdn`,
        pageFiles,
        diskDirectory,
        keepsAnswers: true,
      }
      return explain(head, { ...places, log, now, ...(offline !== true && { askWorkers: ask }) })
    },
    advance(seconds) {
      aheadMs += seconds * 1000
    },
    ask: (path, headers = {}, { host = HOST, authority = host, ...rest } = {}) =>
      ask({ port: listener.port, host, authority, path, headers, protocol: 'http/1.1', ...rest }),
    purge(purge) {
      const whole = { ...EVERYTHING, everything: false, ...purge }
      log.add({ number: ++purges, purge: whole })
      return files.purge(whole)
    },
    async away() {
      app.closeAllConnections()
      app.close()
      await once(app, 'close')
    },
    async back() {
      app = http.createServer(handle).listen(port, '127.0.0.1')
      await once(app, 'listening')
      while (pool.isAway()) await new Promise((resolve) => setTimeout(resolve, 10))
    },
  }
  return site
}

/** Replies with a body of its own for each request, under these fields. */
export function fields(headers: Record<string, string | string[]>, status = 200): Reply {
  return (_request, response, number) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.statusCode = status
    response.end(`body ${number}`)
  }
}
