import type { Inspection, Mode, Origin, Upstream } from '../config.ts'
import { resolveUser } from '../lifecycle/user.ts'
import { checkCoreDumps } from './check-core-dumps.ts'
import { checkPort, checkSocketPath, portsOf } from './check-ports.ts'
import { checkStore } from './check-store.ts'
import type { Finding } from './finding.ts'

/** How long app and Redis may take to answer, ms: as long as Monit waits for them. */
export const ANSWER_MS = 10_000

/** Asks the world outside, as far as the configuration says whom to ask: ports, store, app, user. */
export async function findOut(
  { config, origins }: Inspection,
  mode: Mode,
  limitMs: number = ANSWER_MS,
): Promise<Finding[]> {
  const ports = portsOf(config)
  // `dev` starts the app itself: then its port has to be free.
  const startsApp = mode === 'dev' && originOf('EDGE_UPSTREAMS', origins)?.origin === 'default'
  if (startsApp && config.appPort !== undefined) {
    ports.push({ variable: 'BLOT_PORT', address: '127.0.0.1', port: config.appPort })
  }
  const found = await Promise.all([
    ...ports.map((port) => checkPort(port, config.pidFile)),
    ...(config.admin?.kind === 'unix' ? [checkSocketPath(config.admin.path)] : []),
    checkStore(config, originOf('EDGE_STORE', origins)?.value ?? '', limitMs),
    ...(startsApp ? [] : (config.upstreams ?? []).map((upstream) => checkApp(upstream, limitMs))),
    ...(config.user === undefined ? [] : [checkUser(config.user)]),
    checkCoreDumps(mode === 'run' ? config.pidFile : undefined),
  ])
  return found.flat()
}

function originOf(variable: string, origins: readonly Origin[]): Origin | undefined {
  return origins.find((origin) => origin.variable === variable)
}

/** A backup may be away: it is for when the others are. */
async function checkApp({ url, backup }: Upstream, limitMs: number): Promise<Finding> {
  const finding = { variable: 'EDGE_UPSTREAMS', value: url }
  try {
    const signal = AbortSignal.timeout(limitMs)
    const response = await fetch(`${url}/health`, { signal, redirect: 'manual' })
    await response.body?.cancel()
    const message = `answers /health with ${response.status}`
    return { ...finding, ok: response.ok || backup, message: response.ok ? message : `${message}: 200 was expected` }
  } catch (error) {
    // `fetch failed` says nothing: what happened is its cause.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const message = `does not answer /health: ${messageOf(cause)}`
    return { ...finding, ok: backup, message: backup ? `${message} (a backup may be away)` : message }
  }
}

async function checkUser(user: string): Promise<Finding> {
  const finding = { variable: 'EDGE_USER', value: user }
  try {
    const ids = resolveUser(user)
    const message = ids === undefined ? 'has no effect: not started as root' : `is user ${ids.uid}, group ${ids.gid}`
    return { ...finding, ok: true, message }
  } catch (error) {
    return { ...finding, ok: false, message: messageOf(error) }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
