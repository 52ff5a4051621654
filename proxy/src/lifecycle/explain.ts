import { isIP } from 'node:net'
import { join } from 'node:path'
import { headFor, type Asked } from '../cache/explain/asked.ts'
import { explain } from '../cache/explain/explain.ts'
import type { CacheExplanation, MemoryView } from '../cache/explain/view.ts'
import type { PurgeLog } from '../cache/purge-log.ts'
import type { Config } from '../config.ts'
import type { RequestHead } from '../request.ts'
import { identifySite, type SiteKind } from '../site/site.ts'

/** What the edge would do with a request for a URL. */
export type UrlExplanation = CacheExplanation & {
  readonly url: string
  readonly host: string
  readonly site: SiteKind
}

/** @param log the purges that are on disk, for what lies there. */
export type Explainer = (asked: Asked, log: Pick<PurgeLog, 'verdict' | 'latest'>) => Promise<UrlExplanation>

/** @param askWorkers undefined where no edge runs: what their memory holds is unknown then. */
export function openExplainer(
  config: Config,
  askWorkers?: (asked: Asked, tags: readonly string[]) => Promise<MemoryView[]>,
): Explainer {
  const places = {
    cacheDirectory: config.cacheDirectory,
    cdnDirectory: join(config.appDataDirectory, 'static'),
    pageFiles: config.pageFiles,
    diskDirectory: config.diskCacheBytes === 0 ? undefined : config.cacheDirectory,
    // Of an app that is not Blot nothing is kept.
    keepsAnswers: !isForeign(config),
  }
  return async (asked, log) => {
    const head = headOf(asked, config)
    const ask = askWorkers && ((tags: readonly string[]) => askWorkers(asked, tags))
    const explained = await explain(head, { ...places, log, ...(ask && { askWorkers: ask }), now: Date.now })
    const { scheme, authority, target } = asked
    return { url: `${scheme}://${authority}${target}`, host: head.host, site: head.site.kind, ...explained }
  }
}

export function headOf(asked: Asked, config: Config): RequestHead {
  const { host, scheme, authority } = asked
  const site = identifySite(host, isForeign(config) ? '' : config.host, isIP(host) !== 0)
  const configured = scheme === 'http' ? config.httpPort : config.httpsPort
  // On any free port: whichever is asked for is that.
  const localPort = configured === 0 ? Number(authority.slice(host.length + 1)) : configured
  return headFor(asked, site, localPort)
}

/** Names given one by one (`dev --upstream`): the app is not Blot, and its names mean nothing. */
function isForeign({ permission }: Config): boolean {
  return permission.kind === 'names'
}
