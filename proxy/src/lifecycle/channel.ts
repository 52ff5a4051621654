import type { ChildProcess, Serializable } from 'node:child_process'
import { CallUnknown, ChannelClosed, ChannelTimeout, codeOf, ConfigInvalid } from '../errors.ts'
import {
  failureOf,
  foreignVersion,
  parseMessage,
  type CallKind,
  type Calls,
  type Message,
  type ProcessName,
  type Role,
} from './messages.ts'

/** The end of an IPC channel: a child seen from the primary, or the primary seen from a child. */
export type Wire = Pick<ChildProcess | NodeJS.Process, 'connected'> & {
  send?(message: Serializable, handle: undefined, options: undefined, sent: (error: Error | null) => void): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

export type CallHandlers = { [Kind in CallKind]?: (ask: Calls[Kind]['ask']) => Promise<Calls[Kind]['answer']> }

/** What a process uses to call others, and to answer them. */
export type Channel = {
  /** @returns an answer from each process that has the role, or the name. Rejects when there is none, or one does not answer in time. */
  call<Kind extends CallKind>(
    to: Role | ProcessName,
    kind: Kind,
    ask: Calls[Kind]['ask'],
    limitMs?: number,
  ): Promise<Calls[Kind]['answer'][]>
  send(message: Message): void
  /** Messages that are neither call nor answer. */
  onMessage(listener: (message: Message) => void): void
  /** Resolves once every call that has arrived by now is answered. */
  settled(): Promise<void>
}

export type Call = Extract<Message, { type: 'call' }>
export type Relay = (call: Call) => Promise<Message>

const LIMIT_MS = 10_000

export type ChannelOptions = {
  /** Who is at the other end. */
  peer: Role
  /** The primary's: takes calls that are meant for another role, and brings back the answer. */
  relay?: Relay
  /** Calls that arrive earlier wait for it, all but `ping`: a process that starts is not one that is away. */
  started?: Promise<unknown>
  /** Called when the other end speaks another version of the messages. */
  onForeign?(version: number): void
}

/** @param handlers the calls that this process answers. */
export function createChannel(wire: Wire, handlers: CallHandlers, options: ChannelOptions): Channel {
  const { peer, relay, started, onForeign } = options
  const pending = new Map<number, { resolve(answers: unknown[]): void; reject(error: Error): void }>()
  const listeners: ((message: Message) => void)[] = []
  const answering = new Set<Promise<void>>()
  let lastId = 0

  function send(message: Message): void {
    // A wire that breaks under the message says so by 'disconnect' as well; without a listener here it would throw.
    if (wire.connected) wire.send?.(message, undefined, undefined, ignore)
  }

  async function answer(message: Call): Promise<void> {
    try {
      if (message.kind !== 'ping') await started
      const handler = handlers[message.kind] as ((ask: unknown) => Promise<unknown>) | undefined
      if (handler === undefined) throw new CallUnknown(message.to, message.kind)
      send({ v: 1, type: 'answer', id: message.id, answers: [await handler(message.ask)] })
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      const faults = error instanceof ConfigInvalid ? { faults: error.faults } : {}
      send({ v: 1, type: 'failure', id: message.id, code: codeOf(error), message: text, ...faults })
    }
  }

  function receive(message: Message): void {
    if (message.type === 'call') {
      const passes = relay !== undefined && message.to !== 'primary'
      const work = passes ? relay(message).then(send) : answer(message)
      answering.add(work)
      void work.finally(() => answering.delete(work))
      return
    }
    if (message.type !== 'answer' && message.type !== 'failure') {
      for (const listener of listeners) listener(message)
      return
    }
    const call = pending.get(message.id)
    pending.delete(message.id)
    if (message.type === 'answer') call?.resolve(message.answers)
    else call?.reject(failureOf(message))
  }

  wire.on('message', (raw) => {
    const message = parseMessage(raw)
    const foreign = foreignVersion(raw)
    if (message !== undefined) receive(message)
    else if (foreign !== undefined) onForeign?.(foreign)
  })
  wire.on('disconnect', () => {
    for (const { reject } of pending.values()) reject(new ChannelClosed(peer))
    pending.clear()
  })

  return {
    call<Kind extends CallKind>(to: Role | ProcessName, kind: Kind, ask: Calls[Kind]['ask'], limitMs = LIMIT_MS) {
      return new Promise<Calls[Kind]['answer'][]>((resolve, reject) => {
        if (!wire.connected) {
          reject(new ChannelClosed(to))
          return
        }
        const id = ++lastId
        const timer = setTimeout(() => {
          pending.delete(id)
          reject(new ChannelTimeout(to, kind, limitMs))
        }, limitMs)
        pending.set(id, {
          resolve(answers) {
            clearTimeout(timer)
            resolve(answers as Calls[Kind]['answer'][])
          },
          reject(error) {
            clearTimeout(timer)
            reject(error)
          },
        })
        send({ v: 1, type: 'call', id, to, kind, ask })
      })
    },
    send,
    onMessage: (listener) => void listeners.push(listener),
    async settled() {
      await Promise.all(answering)
    },
  }
}

function ignore(): void {}
