import type { Origin } from './connect.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { WireListener, WireRequest } from './contracts.ts'

/** All connections read into the same memory: what is read is looked at, and copied, before the next read. */
const READ_BYTES = 64 * 1024
/** How often idle connections are looked at. One that is used is never older than it may be. */
const SWEEP_MS = 500

/** What is learnt of an upstream on the way. */
export type ConnectionsOwner = {
  /** A connection was made. */
  reached(): void
  /** A connection could not be made. */
  unreachable(cause: Error | undefined): void
  /** It has kept connections so far, and ends one now: it may be about to go. */
  closing(): void
}

/** The connections to one upstream. There are as many as there were requests under way at one time: whoever asks bounds them. */
export class Connections implements ConnectionOwner {
  readonly #origin: Origin
  readonly #owner: ConnectionsOwner
  readonly #readBuffer = new Uint8Array(READ_BYTES)
  readonly #all = new Set<Connection>()
  /** The most recently used last. */
  #idle: Connection[] = []
  #sweeper: NodeJS.Timeout | undefined
  /** Some connection was fit to be used again. */
  #keeps = false
  #closing: PromiseWithResolvers<void> | undefined

  constructor(origin: Origin, owner: ConnectionsOwner) {
    this.#origin = origin
    this.#owner = owner
  }

  /**
   * Asks over an idle connection, or a new one.
   * @param fresh an idle connection turned out to be dead: the others may be, too.
   */
  ask(request: WireRequest, listener: WireListener, fresh: boolean): Connection {
    const idle = fresh || request.upgrading ? undefined : this.#takeIdle()
    const connection = idle ?? this.#open(request.upgrading)
    // Of those that are kept it takes the place of one: else there would be one more with each request that wants a new one.
    if (fresh && !request.upgrading) this.#idle.shift()?.close()
    connection.ask(request, listener)
    return connection
  }

  /** Lets go of those on which nothing is under way. */
  closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  /** Closes idle connections, and the others when their answers are complete. */
  close(): Promise<void> {
    this.#closing ??= Promise.withResolvers()
    this.closeIdle()
    if (this.#all.size === 0) this.#closing.resolve()
    return this.#closing.promise
  }

  onIdle(connection: Connection, idleMs: number): void {
    if (this.#closing !== undefined) {
      connection.close()
      return
    }
    this.#keeps = true
    connection.idleUntilMs = performance.now() + idleMs
    this.#idle.push(connection)
    if (this.#sweeper === undefined) this.#sweepLater()
  }

  onReached(): void {
    this.#owner.reached()
  }

  onUnreachable(cause: Error | undefined): void {
    this.#owner.unreachable(cause)
  }

  onClosing(): void {
    if (this.#keeps) this.#owner.closing()
  }

  onGone(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#idle.lastIndexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#all.size === 0) this.#closing?.resolve()
  }

  #open(upgrading: boolean): Connection {
    const connection = new Connection(this.#origin, this, upgrading ? undefined : this.#readBuffer)
    this.#all.add(connection)
    return connection
  }

  #takeIdle(): Connection | undefined {
    const connection = this.#idle.pop()
    if (connection === undefined || connection.idleUntilMs > performance.now()) return connection
    // It was to be swept; those used before it have most likely had their time, too.
    connection.close()
    return undefined
  }

  #sweepLater(): void {
    this.#sweeper = setTimeout(() => this.#sweep(), SWEEP_MS).unref()
  }

  #sweep(): void {
    const nowMs = performance.now()
    const kept = this.#idle.filter(({ idleUntilMs }) => idleUntilMs > nowMs)
    const old = this.#idle.filter(({ idleUntilMs }) => idleUntilMs <= nowMs)
    this.#idle = kept
    for (const connection of old) connection.close()
    if (kept.length > 0) this.#sweepLater()
    else this.#sweeper = undefined
  }
}
