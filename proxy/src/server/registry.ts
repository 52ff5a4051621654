import type { Socket } from 'node:net'
import { edgeChannel } from '../events.ts'
import { networkOf } from '../network.ts'
import type { Connection } from '../request.ts'

export type Tracked = {
  readonly socket: Socket
  /** Where it comes from, as `networkOf` has it. */
  readonly network: string
  /** Until when a protocol must have it (PROXY header, handshake), ms of the monotonic clock; then Infinity. */
  deadlineMs: number
  /** Once a protocol has it. */
  connection: Connection | undefined
}

export type RegistryLimits = {
  /** Connections in this process. */
  maxConnections: number
  /** Connections from one address, or one IPv6 network (loopback and trusted proxies excepted: many visitors stand behind them). */
  maxPerNetwork: number
  /** How long a connection may take until a protocol has it, ms. */
  openingMs: number
}

/** Every socket that the edge accepted and has not closed: the one place for caps and opening deadlines. */
export type Registry = {
  /** @returns undefined when a cap is reached; the caller then destroys the socket. */
  add(socket: Socket, address: string, exempt: boolean): Tracked | undefined
  /** A protocol has the connection now, and minds its own limits. */
  opened(tracked: Tracked, connection: Connection): void
  count(): number
  /** Resolves when no connection is left. */
  empty(): Promise<void>
  /** Ends all that is left, at once; but not what the caller wants to spare. */
  destroy(spare?: (tracked: Tracked) => boolean): void
  /** Ends all that is left, and looks after none any more. */
  close(): void
}

const SWEEP_MS = 1000

export function createRegistry(limits: RegistryLimits): Registry {
  const all = new Set<Tracked>()
  const perNetwork = new Map<string, number>()
  const changed = edgeChannel('connection')
  const waiting: (() => void)[] = []

  const sweep = setInterval(() => {
    const now = performance.now()
    for (const tracked of all) if (tracked.deadlineMs < now) tracked.socket.destroy()
  }, SWEEP_MS)
  sweep.unref()

  function remove(tracked: Tracked): void {
    all.delete(tracked)
    const left = (perNetwork.get(tracked.network) ?? 1) - 1
    if (left === 0) perNetwork.delete(tracked.network)
    else perNetwork.set(tracked.network, left)
    changed.publish({ open: all.size })
    if (all.size === 0) for (const resolve of waiting.splice(0)) resolve()
  }

  function destroy(spare: (tracked: Tracked) => boolean = () => false): void {
    for (const tracked of all) if (!spare(tracked)) tracked.socket.destroy()
  }

  return {
    add(socket, address, exempt) {
      const network = networkOf(address)
      const same = perNetwork.get(network) ?? 0
      if (all.size >= limits.maxConnections || (!exempt && same >= limits.maxPerNetwork)) return undefined
      const deadlineMs = performance.now() + limits.openingMs
      const tracked: Tracked = { socket, network, deadlineMs, connection: undefined }
      all.add(tracked)
      perNetwork.set(network, same + 1)
      socket.once('close', () => remove(tracked))
      changed.publish({ open: all.size })
      return tracked
    },
    opened(tracked, connection) {
      tracked.deadlineMs = Infinity
      tracked.connection = connection
    },
    count: () => all.size,
    empty: () => (all.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    destroy,
    close() {
      clearInterval(sweep)
      destroy()
    },
  }
}
