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
import { connectPredecessor, isSuccessor } from '../lifecycle/predecessor.ts'
import { startPrimary, type Primary, type PrimaryOptions } from '../lifecycle/primary.ts'
import { probe } from '../lifecycle/probe.ts'
import { findRelease } from '../lifecycle/release.ts'
import { resolveUser, type UserIds } from '../lifecycle/user.ts'
import type { CommandContext } from './command.ts'
import { followSignals } from './signals.ts'
import { environmentArguments } from './succession.ts'

export type ServeOptions = {
  config: Config
  /** What `configure` is told, for a reload. */
  args: readonly string[]
  /** Whether SIGHUP is for a reload; else it is an end. */
  reloadsOnHangup: boolean
  /** How another primary is started that takes over. Throws EDGE_ERR_RELOAD_REFUSED where none can. */
  succeedBy: PrimaryOptions['succeedBy']
  /** What a configuration that was read again becomes here. */
  adapt?(config: Config): Config
  /** Called before a reload starts anything with another configuration; what cannot work throws. */
  prepare?(config: Config): void
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

/** What `run` and `dev` share: a primary from start to the end of its drain. @returns the exit code. */
export async function serve(context: CommandContext, options: ServeOptions): Promise<number> {
  const { config } = options
  const log = createLog({ format: config.log, destination: context.stdout })
  logEvents(log)
  const signals = followSignals(context, options.reloadsOnHangup)
  if (!forbidCoreDumps()) log.warn('core dumps are not off: start by bin/blot-edge')
  const user = resolveUser(config.user)
  const notifier = await openNotifier(context.environment)
  prepare(config, user, log)
  const replaced = Promise.withResolvers<number>()
  let endNotifying: (() => void) | undefined
  const onReplaced = (pid: number): void => {
    notifier.mainPid(pid)
    endNotifying?.()
    replaced.resolve(pid)
  }
  let primary: Primary | undefined
  try {
    primary = await startPrimary(primaryOptions(context, options, { user, log, signal: signals.stop, onReplaced }))
    if (options.beforeRunning !== undefined) await untilAborted(options.beforeRunning(), signals.stop)
    log.info({ listeners: primary.listeners, workers: config.workers }, 'running')
    options.onRunning?.(primary.listeners)
    endNotifying = keepNotified(notifier, primary)
    signals.attach(primary)
    const successor = await Promise.race([stopped(signals.stop), replaced.promise])
    log.info({ signal: signals.stop.reason, successor }, 'draining')
    if (successor === undefined) notifier.stopping()
    else await untilAborted(primary.leave(), signals.stop)
  } catch (error) {
    // Asked to stop, while it starts or leaves: that is no fault.
    if (!signals.stop.aborted) throw error
  } finally {
    await primary?.stop(DRAIN_MS)
    endNotifying?.()
    await options.onStopped?.()
  }
  log.info('stopped')
  return 0
}

/** systemd hears of the start, of each reload, and for as long as a worker answers. @returns what ends that. */
function keepNotified(notifier: Notifier, primary: Primary): () => void {
  const tellReady = (): void =>
    notifier.ready(`serving on ${primary.listeners.map(({ name, port }) => `${name} ${port}`).join(', ')}`)
  const endWatch = notifier.watch(() => primary.answered() > 0)
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

type Own = { user: UserIds | undefined; log: Log } & Pick<PrimaryOptions, 'signal' | 'onReplaced'>

function primaryOptions(context: CommandContext, options: ServeOptions, own: Own): PrimaryOptions {
  const { environment, directory, root, main, version, values } = context
  const { config, beforeChildren, adapt = (read) => read, onReloaded, succeedBy } = options
  const { user, log, signal, onReplaced } = own
  const ask = { args: [...options.args, ...environmentArguments(values)], environment, directory }
  const takesOver = isSuccessor(environment)
  return {
    config,
    inherited: takesOver ? [] : inheritSockets(environment, config),
    predecessor: takesOver ? connectPredecessor() : undefined,
    release: { root, version, node: process.execPath, argv: [main] },
    environment: withoutConfiguration(environment),
    directory,
    user,
    probe,
    signal,
    findRelease: () => findRelease(context.launchedAs, root),
    configure: async (release, until) => adapt(await askConfiguration(release, ask, until)),
    prepare(read) {
      options.prepare?.(read)
      prepare(read, user, log)
    },
    succeedBy,
    onReplaced,
    ...(onReloaded === undefined ? {} : { onReloaded }),
    ...(beforeChildren === undefined ? {} : { beforeChildren: (listeners) => beforeChildren(listeners, log) }),
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

function stopped(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined))
  })
}

/** Configuration and secrets reach the children over their channel: `/proc/<pid>/environ` shows none. */
function withoutConfiguration(environment: CommandContext['environment']): Record<string, string | undefined> {
  const own = new Set([...NOTIFY_VARIABLES, ...LISTEN_VARIABLES])
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(EDGE|BLOT)_/.test(name) && !own.has(name)),
  )
}
