import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { ReloadOutcome, UpgradeOutcome } from '../admin/contracts.ts'
import type { MetricsSnapshot } from '../admin/metrics.ts'
import type { EndedTotals } from '../admin/metrics-totals.ts'
import { untilAborted } from '../certificates/deadline.ts'
import { ChildSilent, MessagesForeign, ReloadRefused, SuccessorLost } from '../errors.ts'
import type { DrainLimits } from '../server/drain.ts'
import { createChannel, type CallHandlers } from './channel.ts'
import { failureOf, type EdgeProcesses } from './messages.ts'
import type { Release } from './release.ts'
import { refuseChange, servingOf, type ReloadOptions } from './reload.ts'
import type { Sockets } from './sockets.ts'
import type { Neighbour } from './switchboard.ts'
import { tell, turnsBehind } from './turns.ts'

/** The command line of another primary, and what it finds in its environment. */
export type SuccessorCommand = {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
}

export type UpgradeOptions = Omit<ReloadOptions, 'prepare' | 'onServing'> & {
  totals: EndedTotals
  startedAt: string
  /** What there is of this primary. */
  processes(): Promise<EdgeProcesses>
  /** Throws EDGE_ERR_RELOAD_REFUSED where a primary cannot be replaced. */
  succeedBy(release: Release): SuccessorCommand
  /** Called when the other one serves: this one drains, and ends. */
  onReplaced(pid: number, heir: Heir): void
  /** Called when that has to be within other limits; undefined: soon, since the other one has ended. */
  onHurried(limits: DrainLimits | undefined): void
}

/** The primary that has taken over, as the one before it asks it. */
export type Heir = {
  /** Takes what a process of the one before has counted in all its life. */
  farewell(snapshot: MetricsSnapshot): Promise<unknown>
  reload(): Promise<ReloadOutcome>
  upgrade(): Promise<UpgradeOutcome>
}

/** Under which a primary knows that it takes over from its parent. */
export const PREDECESSOR_VARIABLE = 'BLOT_EDGE_PREDECESSOR'

/** A primary of a release that was never read before, on a loaded machine, and its processes. */
const LIMIT_MS = 120_000
/** Node.js cannot know the pid of a process before it is there; a shell that becomes it can. */
const KNOW_PID = 'export LISTEN_PID=$$; [ -z "${WATCHDOG_PID+x}" ] || export WATCHDOG_PID=$$; exec "$@"'

/** Starts another primary on the same sockets. Resolves when it serves; rejects, with this one serving on, when it cannot. */
export async function upgrade(options: UpgradeOptions): Promise<UpgradeOutcome> {
  const { generations, signal } = options
  signal.throwIfAborted()
  const serving = servingOf(generations)
  const release = options.findRelease()
  const how = options.succeedBy(release)
  tell('reloading', `release ${release.root}, version ${release.version}`)
  refuseChange(serving.config, await untilAborted(options.configure(release, signal), signal))
  tell('reloading', 'the configuration is valid')
  const child = start(how, release, options.sockets)
  const successor = connect(child, options)
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new ChildSilent('the other primary', String(LIMIT_MS / 1000))), LIMIT_MS)
  try {
    tell('reloading', `another primary is started, process ${child.pid}`)
    const outcome = await untilAborted(successor.tookOver, AbortSignal.any([signal, limit.signal]))
    tell(
      'succeeded',
      `process ${outcome.pid} serves as generation ${outcome.generation}, process ${process.pid} drains`,
    )
    return outcome
  } catch (error) {
    // One that said itself why it fails finishes what it has accepted, and ends.
    if (!successor.hasFailed()) child.kill('SIGKILL')
    if (successor.refuse().hasLetGo) serving.leadAgain()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function start(
  { command, environment, directory }: SuccessorCommand,
  { root }: Release,
  sockets: Sockets,
): ChildProcess {
  const held = sockets.held()
  return spawn('/bin/sh', ['-c', KNOW_PID, 'sh', ...command], {
    // Sockets from 3 on, as sd_listen_fds(3) has it, and the channel behind them.
    stdio: ['ignore', 'inherit', 'inherit', ...held.map(({ fd }) => fd), 'ipc'],
    env: {
      ...environment,
      LISTEN_FDS: String(held.length),
      LISTEN_FDNAMES: held.map(({ name }) => name).join(':'),
      [PREDECESSOR_VARIABLE]: String(process.pid),
    },
    cwd: existsSync(directory) ? directory : root,
  })
}

type Successor = {
  readonly tookOver: Promise<UpgradeOutcome>
  hasFailed(): boolean
  /** From now on whatever it asks is refused: it is too late. */
  refuse(): Readonly<Stage>
}

/** Answers what the other primary asks on its way, and puts its processes through to ours. */
function connect(child: ChildProcess, options: UpgradeOptions): Successor {
  const { switchboard } = options
  const { promise: tookOver, resolve, reject } = Promise.withResolvers<UpgradeOutcome>()
  const stage: Stage = { hasLetGo: false, isReplaced: false, isRefused: false }
  let hasFailed = false
  const handlers: CallHandlers = {}
  const neighbour: Neighbour = {
    channel: createChannel(child, handlers, {
      peer: 'primary',
      relay: (call) => switchboard.relay(neighbour)(call),
      onForeign: (version) => reject(new MessagesForeign(String(version), '1')),
    }),
  }
  Object.assign(handlers, answersFor(neighbour, stage, options, resolve))
  neighbour.channel.onMessage((message) => {
    // What it has done is a step of ours, for whoever asked our manager.
    if (message.type === 'event') switchboard.tell(message)
    else if (message.type === 'failed') {
      hasFailed = true
      reject(failureOf(message))
    } else if (message.type === 'drain' && stage.isReplaced) options.onHurried(message.limits)
  })
  child.once('error', reject)
  child.once('exit', (code, ended) => {
    switchboard.forget(neighbour)
    reject(new SuccessorLost(ended ?? `code ${code}`))
    if (stage.isReplaced) options.onHurried(undefined)
  })
  return {
    tookOver,
    hasFailed: () => hasFailed,
    refuse() {
      switchboard.forget(neighbour)
      stage.isRefused = true
      return stage
    },
  }
}

/** How far the other primary has come. */
type Stage = { hasLetGo: boolean; isReplaced: boolean; isRefused: boolean }

function answersFor(
  neighbour: Neighbour,
  stage: Stage,
  options: UpgradeOptions,
  onTakenOver: (outcome: UpgradeOutcome) => void,
): CallHandlers {
  const { generations, sockets, switchboard, totals, startedAt } = options
  // What it asked may arrive when it has been given up, and another manager leads here.
  const refuseLate = (): void => {
    if (stage.isRefused) throw new ReloadRefused('it comes too late: this primary serves on')
  }
  return {
    processes: options.processes,
    async hello() {
      refuseLate()
      switchboard.join(neighbour)
      const handed = sockets
        .held()
        .map(({ name, address, port, isUnix, asked }) => ({ name, address, port, isUnix, asked }))
      return { generation: generations.lastNumber(), startedAt, sockets: handed }
    },
    async letGo() {
      refuseLate()
      stage.hasLetGo = true
      switchboard.hold()
      await generations.serving()?.letGo()
      return null
    },
    async tookOver(outcome) {
      refuseLate()
      stage.isReplaced = true
      switchboard.follow(neighbour)
      options.onReplaced(outcome.pid, heirBehind(neighbour))
      onTakenOver(outcome)
      return totals.state()
    },
  }
}

function heirBehind({ channel }: Neighbour): Heir {
  return {
    farewell: (snapshot) => channel.call('primary', 'farewell', snapshot),
    ...turnsBehind(channel),
  }
}
