import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startPebble, type Pebble } from '../../test/certificates/pebble.ts'
import type { Lab, Scenario } from '../scenario.ts'
import { startWith } from '../servers/caddy.ts'
import { startEdge } from '../servers/edge.ts'
import { findFreePort } from '../servers/launch.ts'
import type { Server, ServerOptions } from '../servers/server.ts'
import { startUpstream } from '../servers/upstream.ts'
import { firstPage } from '../first-page.ts'

const ENGINES = ['greenlock', 'acme-client'] as const
type Kind = (typeof ENGINES)[number] | 'caddy'

/** Names in a row; each is new to the CA and to the server, which has its account by then. */
const IN_A_ROW = 10
const AT_ONCE = 50

/** What the servers need beside themselves: a CA without its artificial waits, and somebody who permits every name. */
type World = {
  readonly pebble: Pebble
  readonly permission: string
  readonly options: ServerOptions
  readonly http: number
}

export const onDemandScenarios: readonly Scenario[] = [
  {
    name: 'on-demand',
    question: 'How long from the first ClientHello of a new name to its page, with a CA (pebble) that does not wait?',
    run: (lab) =>
      forEach({ lab, name: 'on-demand', kinds: [...ENGINES, 'caddy'] }, async (server, kind) => {
        for (let index = 0; index < IN_A_ROW; index++) {
          const figure = await timed(() => firstPage(server.https, `www.row${index}.example`))
          lab.record(server.name, { name: nameOf('first page', kind), unit: 'ms' }, { figure })
        }
      }),
  },
  {
    name: 'on-demand-50',
    question: 'How long until 50 new names, asked for at once, have all had their page?',
    run: (lab) =>
      // Caddy ends some of these handshakes with an alert, and is not compared.
      forEach({ lab, name: 'on-demand-50', kinds: ENGINES }, async (server, kind) => {
        const names = Array.from({ length: AT_ONCE }, (_, index) => `www.crowd${index}.example`)
        const figure = await timed(() => Promise.all(names.map((name) => firstPage(server.https, name))))
        lab.record(server.name, { name: nameOf('50 first pages', kind), unit: 'ms' }, { figure })
      }),
  },
]

function nameOf(what: string, kind: Kind): string {
  return kind === 'caddy' ? what : `${what}, ${kind}`
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

/** Each with a CA and folders of its own, once a round. The first name, which brings the account, is not counted. */
async function forEach(
  { lab, name, kinds }: { lab: Lab; name: string; kinds: readonly Kind[] },
  measure: (server: Server, kind: Kind) => Promise<void>,
): Promise<void> {
  const chosen = kinds.filter((kind) => lab.contestants.includes(kind === 'caddy' ? 'caddy' : 'edge'))
  for (let round = 1; round <= lab.rounds; round++) {
    for (const kind of chosen) {
      lab.progress(`round ${round} of ${lab.rounds}, ${kind}`)
      await using running = new AsyncDisposableStack()
      const world = await openWorld(lab, join(name, `${kind}-${round}`), running)
      const server = await start(kind, world)
      running.defer(() => server.stop())
      try {
        await firstPage(server.https, 'www.account.example')
        await measure(server, kind)
      } catch (cause) {
        throw new Error(`${kind}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
      }
    }
  }
}

async function openWorld(lab: Lab, name: string, running: AsyncDisposableStack): Promise<World> {
  const grounds = await lab.grounds()
  const directory = join(grounds.directory, name)
  const upstream = await startUpstream({
    kind: 'pages',
    directory: join(directory, 'upstream'),
    www: grounds.www,
    core: lab.cores.upstream,
  })
  running.defer(() => upstream.stop())
  const http = await findFreePort()
  const teardown = (end: () => Promise<void>): void => running.defer(end)
  const pebble = await startPebble({ teardown }, { folder: join(directory, 'pebble'), httpPort: http })
  const permitting = createServer((_request, response) => response.end())
  permitting.listen(0, '127.0.0.1')
  await once(permitting, 'listening')
  running.defer(() => closeServer(permitting))
  const { cache, certificate } = grounds
  const certificates = await grounds.certificates(0)
  const common = { cache, certificate, certificates, environment: lab.environment, core: lab.cores.server }
  return {
    pebble,
    http,
    permission: `http://127.0.0.1:${(permitting.address() as AddressInfo).port}/permission`,
    options: { ...common, directory: join(directory, 'server'), upstreamPort: upstream.port },
  }
}

function start(kind: Kind, { pebble, permission, options, http }: World): Promise<Server> {
  if (kind === 'caddy') {
    const { upstreamPort } = options
    const acme = { acmeDirectory: pebble.directoryUrl, acmeCa: pebble.caFile, permission }
    return startWith('on-demand.Caddyfile', options, { http, upstreamPort, ...acme })
  }
  const environment = {
    ...options.environment,
    EDGE_HTTP_PORT: String(http),
    EDGE_ISSUER: 'acme',
    EDGE_ACME_ENGINE: kind,
    EDGE_ACME_DIRECTORY: pebble.directoryUrl,
    EDGE_ACME_CA: pebble.caFile,
    EDGE_ACME_EMAIL: 'bench@bench.test',
    EDGE_PERMISSION: permission,
    EDGE_ISSUE_WAIT_MS: '60000',
  }
  return startEdge({ ...options, environment })
}

function closeServer(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
