import { incidentOf } from './ask.ts'
import { createHttp1 } from './http1.ts'
import { createHttp2 } from './http2.ts'
import { KINDS, type Kind } from './kinds.ts'
import { Failure } from './outcomes.ts'
import type { Transport } from './transport.ts'
import { createVisitor, keepDoing, type Visitor, type World } from './visitor.ts'

/** How somebody asks: with one connection for all requests or a new one each, by plain HTTP or TLS, resumed or not, by HTTP/2. */
type Way = 'http' | 'httpNew' | 'tls' | 'tlsNew' | 'tlsResumed' | 'h2'

type Row = { readonly kind: Kind; readonly way: Way; readonly visitors: number; readonly pauseMs: number }

const REQUESTS_PER_SESSION = 500

/** Who is there: some 60 visitors, some 300 requests a second. */
const LINEUP: readonly Row[] = [
  ...rows('pages', 100, { http: 3, tls: 2, h2: 4 }),
  ...rows('pages', 300, { httpNew: 1, tlsResumed: 2, tlsNew: 1 }),
  ...rows('answers', 100, { http: 4, tls: 3, h2: 6 }),
  ...rows('answers', 300, { httpNew: 2, tlsResumed: 2, tlsNew: 1 }),
  ...rows('returns', 12_000, { http: 2, tls: 2 }),
  ...rows('thoughts', 100, { http: 2, tls: 1, h2: 2 }),
  ...rows('uploads', 500, { http: 1, tls: 1, h2: 1 }),
  ...rows('slowUploads', 100, { tls: 2, h2: 2 }),
  ...rows('downloads', 500, { http: 1, tls: 1, h2: 1 }),
  ...rows('slowDownloads', 100, { http: 1, tls: 1, h2: 1 }),
  ...rows('posts', 100, { http: 2, tls: 1, httpNew: 1, h2: 2 }),
  ...rows('webhooks', 150, { tls: 1, tlsResumed: 1, h2: 1 }),
  ...rows('websockets', 0, { http: 2, tls: 2 }),
  ...rows('events', 0, { http: 1, tls: 1, h2: 1 }),
]

/** What only `$BLOT_HOST` has. */
const OF_MAIN_HOST: ReadonlySet<Kind> = new Set(['slowUploads', 'webhooks'])

function rows(kind: Kind, pauseMs: number, visitors: Partial<Record<Way, number>>): Row[] {
  return Object.entries(visitors).map(([way, count]) => ({ kind, way: way as Way, visitors: count, pauseMs }))
}

/** Has all of them come, but for the kinds left out. Resolves when the world's signal is aborted and each has finished. */
export async function visitAll(world: World, without: readonly Kind[] = []): Promise<void> {
  const sessions = new Map<string, Transport>()
  const transports: Transport[] = []
  let index = 0

  function visitorOf({ kind, way }: Row): Visitor {
    index++
    const host = OF_MAIN_HOST.has(kind) ? world.mainHost : (world.sites[index % world.sites.length] ?? '')
    const transport = way === 'h2' ? sessionOf(host) : createHttp1({ ...optionsOf(way, world) })
    transports.push(transport)
    return createVisitor({ world, kind, host, transport, tally: world.tally, index })
  }

  /** As one browser: all that is asked of a host by HTTP/2 shares a session. */
  function sessionOf(host: string): Transport {
    const options = { port: world.https, host, requestsPerSession: REQUESTS_PER_SESSION }
    const session = sessions.get(host) ?? createHttp2(options)
    sessions.set(host, session)
    return session
  }

  const visits = LINEUP.filter(({ kind }) => !without.includes(kind)).flatMap((row) =>
    Array.from({ length: row.visitors }, () => visitorOf(row)).map((visitor) =>
      finish(
        visitor,
        keepDoing(visitor, row.pauseMs, () => KINDS[row.kind](visitor)),
      ),
    ),
  )
  await Promise.all(visits)
  for (const transport of transports) transport.close()
}

/** What is still under way so long after the end of the load will be for ever. */
const END_MS = 90_000

/** Nobody waits for ever for a visitor who does: that is a failure of its own. */
async function finish(visitor: Visitor, visit: Promise<void>): Promise<void> {
  const { world, kind, transport, tally } = visitor
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  world.signal.addEventListener('abort', () => {
    const beganMs = Date.now()
    timer = setTimeout(() => {
      const failure = new Failure('never finished', { outcome: 'timeout', phase: 'open', port: 0, reused: false })
      tally.record(incidentOf({ kind, transport, tally }, beganMs, failure, 'timeout'))
      resolve()
    }, END_MS)
  })
  await Promise.race([visit, promise]).finally(() => clearTimeout(timer))
}

function optionsOf(way: Exclude<Way, 'h2'>, { http, https }: World): Parameters<typeof createHttp1>[0] {
  const secure = way !== 'http' && way !== 'httpNew'
  const keepAlive = way === 'http' || way === 'tls'
  return { port: secure ? https : http, secure, keepAlive, resume: way !== 'tlsNew' }
}
