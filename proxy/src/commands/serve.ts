import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { logEvents, createLog, type Log } from '../log.ts'
import { forbidCoreDumps } from '../lifecycle/core-dumps.ts'
import { prepareDataDirectory, prepareDiskCache } from '../lifecycle/data-directory.ts'
import type { ListenerInfo } from '../lifecycle/messages.ts'
import { startPrimary, type Primary } from '../lifecycle/primary.ts'
import { resolveUser, type UserIds } from '../lifecycle/user.ts'
import type { CommandContext } from './command.ts'

export type ServeOptions = {
  config: Config
  /** Called between binding and serving; its configuration is what the workers get. */
  beforeChildren?(listeners: readonly ListenerInfo[], log: Log): Promise<Config>
  /** Awaited once every process of the edge answers: what else has to, before it counts as running. */
  beforeRunning?(): Promise<unknown>
  onRunning?(listeners: readonly ListenerInfo[]): void
  /** Awaited when the edge has drained, and when it could not start. */
  onStopped?(): Promise<void>
}

const DRAIN_MS = 30_000
/** A terminal's Ctrl-C reaches npm and the edge, and npm passes it on: within this time it is the same one. */
const ECHO_MS = 1000

/** What `run` and `dev` share: a primary from start to the end of its drain. @returns the exit code. */
export async function serve(context: CommandContext, options: ServeOptions): Promise<number> {
  const { config } = options
  const log = createLog({ format: config.log, destination: context.stdout })
  logEvents(log)
  const stopping = new AbortController()
  let primary: Primary | undefined
  let askedAtMs = 0
  context.onSignal((signal) => {
    const sinceMs = performance.now() - askedAtMs
    if (!stopping.signal.aborted) {
      askedAtMs = performance.now()
      stopping.abort(signal)
    } else if (signal !== 'SIGINT' || sinceMs > ECHO_MS) primary?.kill() // Whoever asks twice means now.
  })
  if (!forbidCoreDumps()) log.warn('core dumps are not off: start by bin/blot-edge')
  const user = resolveUser(config.user)
  prepareDataDirectory(config.dataDirectory, user)
  if (config.store.kind === 'file') prepareDataDirectory(config.store.directory, user)
  if (config.diskCacheBytes > 0) tryToPrepareDiskCache(config, user, log)
  const { beforeChildren } = options
  try {
    primary = await startPrimary({
      config,
      version: context.version,
      argv: [context.main],
      environment: withoutConfiguration(context.environment),
      user,
      signal: stopping.signal,
      ...(beforeChildren === undefined ? {} : { beforeChildren: (listeners) => beforeChildren(listeners, log) }),
    })
    if (options.beforeRunning !== undefined) await untilAborted(options.beforeRunning(), stopping.signal)
    log.info({ listeners: primary.listeners, workers: config.workers }, 'running')
    options.onRunning?.(primary.listeners)
    await stopped(stopping.signal)
    log.info({ signal: stopping.signal.reason }, 'draining')
  } catch (error) {
    // Asked to stop while it starts: that is no fault.
    if (!stopping.signal.aborted) throw error
  } finally {
    await primary?.stop(DRAIN_MS)
    await options.onStopped?.()
  }
  log.info('stopped')
  return 0
}

/** The edge serves without a disk tier as well. */
function tryToPrepareDiskCache({ cacheDirectory }: Config, user: UserIds | undefined, log: Log): void {
  try {
    prepareDiskCache(cacheDirectory, user)
  } catch (error) {
    log.warn({ err: error }, 'the folder of the disk cache cannot be prepared')
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
}

/** Configuration and secrets reach the children over their channel: `/proc/<pid>/environ` shows none. */
function withoutConfiguration(environment: CommandContext['environment']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(EDGE|BLOT)_/.test(name)))
}
