import { spawn, type ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { ChildSilent, MessagesForeign } from '../errors.ts'
import type { DrainLimits } from '../server/drain.ts'
import { createChannel, type CallHandlers, type Channel, type Relay } from './channel.ts'
import type { ChildId, Message, ProcessInfo, ProcessName, ProcessState, Role } from './messages.ts'
import { PROBE_FD } from './settings.ts'

export type ChildRole = Exclude<Role, 'primary'>

/** How a release is run: the runtime, and what stands before the role on the command line. */
export type Program = { readonly node: string; readonly argv: readonly string[] }

export type ChildOptions = {
  role: ChildRole
  id: ChildId
  generation: number
  program: Program
  /** Its working directory: all paths that it is given are absolute. */
  directory: string
  /** Descriptors that the child inherits, as 5, 6, … (3 is the channel, 4 the connection that it is probed by). */
  fds: readonly number[]
  user: { uid: number; gid: number } | undefined
  environment: Readonly<Record<string, string | undefined>>
  settings: Message & { type: 'start' }
  handlers: CallHandlers
  /** Takes its calls to others. */
  relay(from: Child): Relay
  /** Asks it for something, as a visitor does. Rejects when what comes is no answer. */
  prove(connection: Duplex): Promise<void>
  onEvent(message: Message & { type: 'event' }): void
}

/** A worker or manager as the primary sees it. */
export type Child = {
  readonly role: ChildRole
  readonly id: ChildId
  readonly name: ProcessName
  readonly generation: number
  readonly process: ChildProcess
  readonly channel: Channel
  state: ProcessState
  /** It answers calls. */
  isReady(): boolean
  /** Resolves once it has proved itself; rejects when it ends, fails or is silent before. */
  readonly ready: Promise<void>
  /** Resolves with how: the error that it told of, its signal or its code. */
  readonly ended: Promise<string>
  /** Resolves when it accepts, or leads. */
  serve(): Promise<void>
  drain(limits: DrainLimits): void
  kill(): void
  info(): ProcessInfo
}

/** How long a process may take to be ready, and to serve: a loaded machine, and a release that was never read before. */
const START_MS = 60_000

export function startChild(options: ChildOptions): Child {
  const { role, id, generation, program } = options
  const child = spawn(program.node, [...program.argv, role], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', ...options.fds],
    env: options.environment,
    cwd: options.directory,
    ...options.user,
  })
  const startedAt = new Date().toISOString()
  // Without a descriptor left, there is no process and nothing of it.
  const probe = (child.stdio as (typeof child.stdio & (Duplex | null)[]) | undefined)?.[PROBE_FD] as Duplex | undefined
  probe?.on('error', () => undefined)
  const told = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<string>()
  let failure: Error | undefined
  let isReady = false
  let drainsUntil: string | undefined

  const handle: Child = {
    role,
    id,
    name: `${id}@${generation}`,
    generation,
    process: child,
    // The handle is made first: calls that come over the channel are relayed with it.
    get channel() {
      return channel
    },
    state: 'starting',
    isReady: () => isReady,
    ready: prove(),
    ended: ended.promise,
    async serve() {
      await channel.call(role, 'serve', null, START_MS)
      if (handle.state === 'starting') handle.state = 'running'
    },
    drain(limits) {
      handle.state = 'draining'
      drainsUntil = new Date(Date.now() + Math.max(limits.limitMs, limits.tunnelsMs)).toISOString()
      channel.send({ v: 1, type: 'drain', limits })
    },
    kill: () => void child.kill('SIGKILL'),
    info: () => ({
      role,
      id,
      generation,
      pid: child.pid ?? 0,
      state: handle.state,
      startedAt,
      rssBytes: 0,
      ...(drainsUntil === undefined ? {} : { drainsUntil }),
    }),
  }
  const channel = createChannel(child, options.handlers, {
    peer: role,
    relay: options.relay(handle),
    onForeign: (version) => fail(new MessagesForeign(String(version), '1')),
  })

  async function prove(): Promise<void> {
    const timer = setTimeout(() => fail(new ChildSilent(id, String(START_MS / 1000))), START_MS)
    try {
      await told.promise
      if (probe !== undefined) await options.prove(probe)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(timer)
      probe?.destroy()
    }
  }

  function fail(error: Error): void {
    failure = error
    told.reject(error)
    probe?.destroy(error)
  }

  function end(error: Error): void {
    handle.state = 'stopped'
    isReady = false
    told.reject(error)
    ended.resolve(error.message)
  }

  channel.onMessage((message) => {
    if (message.type === 'ready') {
      isReady = true
      told.resolve()
    } else if (message.type === 'event') options.onEvent(message)
    else if (message.type === 'failed') fail(Object.assign(new Error(message.message), { code: message.code }))
  })
  child.on('error', (error) => {
    // One that runs tells of its end by 'exit'.
    if (child.pid === undefined) end(error)
  })
  child.once('exit', (code, signal) => end(failure ?? new Error(`${id} ended with ${signal ?? `code ${code}`}`)))
  // One that nobody waits for must not end the primary with an unhandled rejection.
  handle.ready.catch(() => undefined)
  channel.send(options.settings)
  return handle
}
