import { untilAborted } from '../certificates/deadline.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { logEvents, createLog, type Log } from '../log.ts'
import { askConfiguration } from '../lifecycle/configuration.ts'
import { forbidCoreDumps } from '../lifecycle/core-dumps.ts'
import { prepareDataDirectory, prepareDiskCache } from '../lifecycle/data-directory.ts'
import { inheritSockets, LISTEN_VARIABLES } from '../lifecycle/inherited.ts'
import type { ListenerInfo } from '../lifecycle/messages.ts'
import { NOTIFY_VARIABLES, openNotifier, type Notifier } from '../lifecycle/notify.ts'
import { startPrimary, type Primary, type PrimaryOptions } from '../lifecycle/primary.ts'
import { probe } from '../lifecycle/probe.ts'
import { findRelease } from '../lifecycle/release.ts'
import { resolveUser, type UserIds } from '../lifecycle/user.ts'
import type { CommandContext, Signal } from './command.ts'

export type ServeOptions = {
  config: Config
  /** What `configure` is told, for a reload. */
  args: readonly string[]
  /** Whether SIGHUP is for a reload; else it is an end. */
  reloadsOnHangup: boolean
  /** What a configuration that was read again becomes here. */
  adapt?(config: Config): Config
  /** Called between binding and serving; its configuration is what the workers get. */
  beforeChildren?(listeners: readonly ListenerInfo[], log: Log): Promise<Config>
  /** Awaited once every process of the edge answers: what else has to, before it counts as running. */
  beforeRunning?(): Promise<unknown>
  onRunning?(listeners: readonly ListenerInfo[]): void
  onReloaded?(config: Config): void
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
  const signals = followSignals(context, options.reloadsOnHangup)
  if (!forbidCoreDumps()) log.warn('core dumps are not off: start by bin/blot-edge')
  const user = resolveUser(config.user)
  const inherited = inheritSockets(context.environment, config)
  const notifier = await openNotifier(context.environment)
  prepare(config, user, log)
  let primary: Primary | undefined
  let endNotifying: (() => void) | undefined
  try {
    primary = await startPrimary({
      ...primaryOptions(context, options, { user, log, signal: signals.stop }),
      inherited,
    })
    if (options.beforeRunning !== undefined) await untilAborted(options.beforeRunning(), signals.stop)
    log.info({ listeners: primary.listeners, workers: config.workers }, 'running')
    options.onRunning?.(primary.listeners)
    endNotifying = keepNotified(notifier, primary)
    signals.attach(primary)
    await stopped(signals.stop)
    log.info({ signal: signals.stop.reason }, 'draining')
  } catch (error) {
    // Asked to stop while it starts: that is no fault.
    if (!signals.stop.aborted) throw error
  } finally {
    notifier.stopping()
    await primary?.stop(DRAIN_MS)
    endNotifying?.()
    await options.onStopped?.()
  }
  log.info('stopped')
  return 0
}

/** systemd hears of the start, of each reload, and for as long as a worker serves. @returns what ends that. */
function keepNotified(notifier: Notifier, primary: Primary): () => void {
  const tellReady = (): void =>
    notifier.ready(`serving on ${primary.listeners.map(({ name, port }) => `${name} ${port}`).join(', ')}`)
  const endWatch = notifier.watch(() => primary.isWell())
  let isReloading = false
  const endReloads = edgeChannel('reload').subscribe(({ phase }) => {
    if (phase !== 'reloading') tellReady()
    else if (!isReloading) notifier.reloading()
    isReloading = phase === 'reloading'
  })
  tellReady()
  return () => {
    endWatch()
    endReloads()
  }
}

type Own = { user: UserIds | undefined; log: Log; signal: AbortSignal }

function primaryOptions(context: CommandContext, options: ServeOptions, { user, log, signal }: Own): PrimaryOptions {
  const { environment, directory, root, main, version } = context
  const { beforeChildren, adapt = (config) => config, onReloaded } = options
  const ask = { args: argumentsOf(context, options), environment, directory }
  return {
    config: options.config,
    release: { root, version, node: process.execPath, argv: [main] },
    environment: withoutConfiguration(environment),
    directory,
    user,
    probe,
    signal,
    findRelease: () => findRelease(context.launchedAs, root),
    configure: async (release, until) => adapt(await askConfiguration(release, ask, until)),
    prepare: (config) => prepare(config, user, log),
    ...(onReloaded === undefined ? {} : { onReloaded }),
    ...(beforeChildren === undefined ? {} : { beforeChildren: (listeners) => beforeChildren(listeners, log) }),
  }
}

function argumentsOf({ values }: CommandContext, { args }: ServeOptions): string[] {
  return [...args, ...(typeof values['environment'] === 'string' ? [`--environment=${values['environment']}`] : [])]
}

type Signals = {
  /** Aborts with the name of the signal that ends the edge. */
  readonly stop: AbortSignal
  /** What came before there was a primary, and is not too late, reaches it now. */
  attach(primary: Primary): void
}

/** The first SIGTERM drains, the second one ends. SIGHUP reloads, after the start when it comes before. */
function followSignals(context: CommandContext, reloadsOnHangup: boolean): Signals {
  const stopping = new AbortController()
  let primary: Primary | undefined
  let askedAtMs = 0
  let wantsReload = false

  function reload(): void {
    wantsReload = primary === undefined
    // Why it fails is told as an event, which the log has.
    if (!stopping.signal.aborted) primary?.reload().catch(() => undefined)
  }

  function stop(signal: Signal): void {
    const sinceMs = performance.now() - askedAtMs
    if (!stopping.signal.aborted) {
      askedAtMs = performance.now()
      stopping.abort(signal)
    } else if (signal !== 'SIGINT' || sinceMs > ECHO_MS) primary?.kill() // Whoever asks twice means now.
  }

  context.onSignal((signal) => {
    if (signal === 'SIGHUP' && reloadsOnHangup) reload()
    else stop(signal)
  })
  return {
    stop: stopping.signal,
    attach(started) {
      primary = started
      if (wantsReload) reload()
    },
  }
}

/** Folders of a configuration that are there, and belong to those who use them. */
function prepare(config: Config, user: UserIds | undefined, log: Log): void {
  prepareDataDirectory(config.dataDirectory, user)
  if (config.store.kind === 'file') prepareDataDirectory(config.store.directory, user)
  if (config.diskCacheBytes > 0) tryToPrepareDiskCache(config, user, log)
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
  const own = new Set([...NOTIFY_VARIABLES, ...LISTEN_VARIABLES])
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(EDGE|BLOT)_/.test(name) && !own.has(name)),
  )
}
