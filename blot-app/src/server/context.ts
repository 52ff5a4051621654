import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { Library } from '../blogs/library.ts'
import type { PageFiles } from '../cache/page-files.ts'
import type { StaticFiles } from '../cache/static-files.ts'
import type { Config } from '../config.ts'
import type { HostIndex, Site } from '../hosts.ts'
import { originOf, type Origin } from '../origin.ts'
import type { Template } from '../render/template.ts'
import type { StatusStream } from '../status/status-stream.ts'
import type { SeenWebhooks } from '../webhooks/seen.ts'
import type { Departure } from './departure.ts'

/** All that the routes work with. */
export interface ServerContext {
  readonly config: Config
  readonly log: FastifyBaseLogger
  readonly library: Library
  readonly templates: ReadonlyMap<string, Template>
  /** The names of all blogs as they are now. */
  readonly hosts: () => HostIndex
  /** Undefined where the app writes no pages. */
  readonly pages: PageFiles | undefined
  readonly staticFiles: StaticFiles
  readonly status: StatusStream
  readonly webhooks: SeenWebhooks
  readonly departure: Departure
}

/** What a request is for. */
export interface Visit {
  readonly origin: Origin
  readonly site: Site
  /** Path as it was sent, without query. */
  readonly rawPath: string
  /** With its question mark; empty without one. */
  readonly query: string
}

export function visitOf({ config, hosts }: Pick<ServerContext, 'config' | 'hosts'>, request: IncomingMessage): Visit {
  const origin = originOf(request, config.protocol)
  const target = request.url ?? '/'
  const queryStart = target.indexOf('?')
  return {
    origin,
    site: hosts().find(origin.host),
    rawPath: queryStart === -1 ? target : target.slice(0, queryStart),
    query: queryStart === -1 ? '' : target.slice(queryStart),
  }
}
