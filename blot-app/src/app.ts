import { realpath } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { Library, type BlogChange } from './blogs/library.ts'
import { watchBlogs, type Watch } from './blogs/watch.ts'
import { HostFolders } from './cache/host-folders.ts'
import { PageFiles } from './cache/page-files.ts'
import { Publisher, type CacheFolder } from './cache/publisher.ts'
import { Purger } from './cache/purge.ts'
import { StaticFiles } from './cache/static-files.ts'
import { createPreIssuer, newDomains, type PreIssue } from './certificates/pre-issue.ts'
import type { Config } from './config.ts'
import { HostIndex } from './hosts.ts'
import { connectRedis } from './registry/connect.ts'
import { desiredKeys } from './registry/desired-keys.ts'
import { createPendingPurges } from './registry/pending-purges.ts'
import { Registry } from './registry/registry.ts'
import { loadTemplates, templateFor } from './render/template.ts'
import { drainServer } from './server/drain.ts'
import { Departure } from './server/departure.ts'
import { createServer } from './server/server.ts'
import { StatusStream } from './status/status-stream.ts'
import { SeenWebhooks } from './webhooks/seen.ts'

const address = '127.0.0.1'
const templatesDirectory = path.resolve(import.meta.dirname, '../templates')

export interface RunningApp {
  /** Where it really listens, which is of interest when any free port was asked for. */
  readonly port: number
  /** Tells the edges that it is about to close, and serves meanwhile. `hurry` ends that. */
  leave(): Promise<void>
  hurry(): void
  /** Finishes the answers in flight, ends the streams, and lets go of everything. */
  close(): Promise<void>
}

/** Starts the app: resolves once every blog is read and the port is open. */
export async function startApp(config: Config, log: Logger): Promise<RunningApp> {
  const parts = await openParts(config, log)
  const { library, publisher, registry } = parts
  // Watching comes first: what changes during the first scan is scanned again.
  const watch = await watchBlogs({
    directory: parts.directory,
    log: log.child({ area: 'watch' }),
    onChange: (handle) => void library.rescan(handle),
  })
  await library.rescanAll()
  const hosts = followChanges(config, parts)
  await publisher.publishAll(hosts())
  await registry?.register(desiredKeys(hosts()))

  // The framework's lines on each request and address say nothing that the edge's access log and ours do not.
  const serverLog = log.child({ area: 'server' }, { level: 'warn' })
  const server = await createServer({ ...parts, config, log: serverLog, hosts })
  await server.listen({ host: address, port: config.port })
  const port = portOf(server.server.address()) ?? config.port
  log.info({ address: `http://${address}:${port}`, host: config.host, blogs: library.blogs.size }, 'listening')
  const { departure } = parts
  return {
    port,
    leave: () => departure.begin(),
    hurry: () => departure.hurry(),
    close: () => closeApp(parts, watch, server),
  }
}

type Parts = Awaited<ReturnType<typeof openParts>>

/** Makes everything that the app consists of, and joins nothing yet. */
async function openParts(config: Config, log: Logger) {
  const areaLog = (area: string): Logger => log.child({ area })
  const templates = await loadTemplates(templatesDirectory)
  const directory = await realpath(config.blogsDirectory)
  const redis = config.redis && connectRedis(config.redis, areaLog('redis'))
  const cache = config.cache ? openCacheFolder(config, areaLog('cache')) : undefined
  const purgers = createPurgers(config, redis, areaLog('purge'))
  const staticFiles = new StaticFiles(config.dataDirectory)
  return {
    directory,
    templates,
    library: new Library({ directory, templates: new Set(templates.keys()), log: areaLog('blogs') }),
    redis,
    registry: redis && new Registry({ redis, platform: config.host, log: areaLog('registry') }),
    pages: cache?.pages,
    purgers,
    staticFiles,
    publisher: new Publisher({
      platform: config.host,
      cache,
      staticFiles,
      purgers,
      templateOf: (blog) => templateFor(templates, blog.settings.template),
      log: areaLog('cache'),
    }),
    preIssue: openPreIssuer(config, areaLog('certificates')),
    status: new StatusStream(),
    webhooks: await SeenWebhooks.open(config.dataDirectory),
    departure: new Departure(),
  }
}

/** Keeps the names of all blogs in step with the blogs, and tells everyone whom a change concerns. */
function followChanges(
  config: Config,
  { library, templates, registry, publisher, status, preIssue }: Parts,
): () => HostIndex {
  const templateNames = new Set(templates.keys())
  const indexHosts = (): HostIndex => {
    return new HostIndex({ platform: config.host, blogs: library.blogs, templates: templateNames })
  }
  let hosts = indexHosts()
  library.on('changed', (change) => {
    const hostsBefore = hosts
    hosts = indexHosts()
    // The edge asks who may have one: first the keys, then the certificates.
    const registered = Promise.resolve(registry?.register(desiredKeys(hosts)))
    const connected = newDomains(hostsBefore, hosts)
    void registered.then(() => preIssue?.(connected))
    void publisher.publish({ ...change, hostsBefore, hostsAfter: hosts }).then(() => status.send(statusOf(change)))
  })
  return () => hosts
}

async function closeApp(parts: Parts, watch: Watch, server: FastifyInstance): Promise<void> {
  parts.pages?.close()
  parts.status.close()
  await watch.close()
  await drainServer(server)
  await parts.library.close()
  await Promise.all(parts.purgers.map((purger) => purger.close()))
  await parts.registry?.close()
  parts.redis?.disconnect()
}

function portOf(bound: AddressInfo | string | null): number | undefined {
  return typeof bound === 'object' ? bound?.port : undefined
}

function openCacheFolder({ cacheDirectory }: Config, log: Logger): CacheFolder {
  const pages = new PageFiles(cacheDirectory, log)
  return { pages, folders: new HostFolders(cacheDirectory, pages) }
}

function openPreIssuer({ edgeAdmin: admin, edgeAdminToken: token }: Config, log: Logger): PreIssue | undefined {
  return admin === undefined ? undefined : createPreIssuer({ admin, token, log })
}

function createPurgers({ reverseProxies, purgeToken }: Config, redis: Redis | undefined, log: Logger): Purger[] {
  const pending = redis && createPendingPurges(redis)
  const purgers = reverseProxies.map((proxy) => new Purger({ proxy, token: purgeToken, pending, log }))
  redis?.on('ready', () => {
    for (const purger of purgers) void purger.resume()
  })
  return purgers
}

function statusOf({ before, after }: BlogChange) {
  const handle = (after ?? before)?.handle
  if (after === undefined) return { name: 'removed' as const, data: { handle } }
  const broken = new Set([...after.broken.values()].map(({ source }) => source)).size
  return { name: 'rebuilt' as const, data: { handle, posts: after.posts.length, broken } }
}
