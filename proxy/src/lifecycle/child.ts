import { spawn, type ChildProcess } from 'node:child_process'
import { createChannel, type CallHandlers, type Channel, type Relay } from './channel.ts'
import type { DrainLimits, ListenerInfo, Message, ProcessId, ProcessInfo, ProcessState, Role } from './messages.ts'

export type ChildRole = Exclude<Role, 'primary'>

export type ChildOptions = {
  role: ChildRole
  id: ProcessId
  /** The command line of the process, after the runtime: `[main.ts, 'worker']`. */
  argv: readonly string[]
  /** Descriptors that the child inherits, as 4, 5, … (3 is the channel). */
  fds: readonly number[]
  user: { uid: number; gid: number } | undefined
  environment: Readonly<Record<string, string | undefined>>
  settings: Message & { type: 'start' }
  handlers: CallHandlers
  relay: Relay
  onEvent(message: Message & { type: 'event' }): void
}

/** A worker or manager as the primary sees it. */
export type Child = {
  readonly role: ChildRole
  readonly id: ProcessId
  readonly process: ChildProcess
  readonly channel: Channel
  state: ProcessState
  /** Resolves once it answers; rejects when it ends or fails before. */
  readonly ready: Promise<readonly ListenerInfo[]>
  /** Resolves with how: the error that it told of, its signal or its code. */
  readonly ended: Promise<string>
  info(): ProcessInfo
  drain(limits: DrainLimits): void
}

export function startChild(options: ChildOptions): Child {
  const { role, id } = options
  const child = spawn(process.execPath, options.argv, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...options.fds],
    env: options.environment,
    ...options.user,
  })
  const startedAt = new Date().toISOString()
  const ready = Promise.withResolvers<readonly ListenerInfo[]>()
  const ended = Promise.withResolvers<string>()
  let failure: Error | undefined
  // A child that nobody waits for must not end the primary with an unhandled rejection.
  ready.promise.catch(() => undefined)

  const channel = createChannel(child, options.handlers, { peer: role, relay: options.relay })
  channel.onMessage((message) => {
    if (message.type === 'ready') {
      if (handle.state === 'starting') handle.state = 'running'
      ready.resolve(message.listeners)
    } else if (message.type === 'event') {
      options.onEvent(message)
    } else if (message.type === 'failed') {
      failure = Object.assign(new Error(message.message), { code: message.code })
      ready.reject(failure)
    }
  })
  function end(error: Error): void {
    handle.state = 'stopped'
    ready.reject(error)
    ended.resolve(error.message)
  }
  child.on('error', (error) => {
    // One that runs tells of its end by 'exit'.
    if (child.pid === undefined) end(error)
  })
  child.once('exit', (code, signal) => end(failure ?? new Error(`${id} ended with ${signal ?? `code ${code}`}`)))
  channel.send(options.settings)

  const handle: Child = {
    role,
    id,
    process: child,
    channel,
    state: 'starting',
    ready: ready.promise,
    ended: ended.promise,
    info: () => ({ role, id, pid: child.pid ?? 0, state: handle.state, startedAt, rssBytes: 0 }),
    drain(limits) {
      handle.state = 'draining'
      channel.send({ v: 1, type: 'drain', limits })
    },
  }
  return handle
}
