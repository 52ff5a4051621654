import { rmSync } from 'node:fs'
import type { Config } from '../config.ts'
import { AddressTaken, codeOf } from '../errors.ts'
import { bindListener } from './listener.ts'
import type { ListenerInfo } from './messages.ts'
import { bindUnixListener } from './unix-listener.ts'
import type { UserIds } from './user.ts'

type Name = ListenerInfo['name']

/** A listening socket that the primary holds. `address` is a path for a Unix socket, whose port is 0. */
export type HeldSocket = ListenerInfo & {
  readonly fd: number
  readonly isUnix: boolean
  /** The address that was asked for: `::` may have become `0.0.0.0`. Undefined: it came from outside, and fits any. */
  readonly asked: string | undefined
  /** Closes it in this process. */
  close(): void
}

type Addresses = Pick<Config, 'address' | 'httpPort' | 'httpsPort' | 'admin'>

/** The listening sockets of all generations: a queue of connections lives for as long as one process holds its socket. */
export type Sockets = {
  /**
   * Those that a configuration needs: the ones that are held already, and new ones. When one cannot be had, none is opened.
   * Port 0 is any free one, or the one that is held.
   */
  open(config: Addresses): Promise<HeldSocket[]>
  held(): readonly HeldSocket[]
  /** Closes all others. */
  keep(sockets: readonly HeldSocket[]): void
  /** Closes those of these names for everybody. */
  close(names: readonly Name[]): void
  /** Lets go of all: another process goes on with them. */
  release(): void
}

export function createSockets(user: UserIds | undefined, inherited: readonly HeldSocket[] = []): Sockets {
  let held = [...inherited]

  async function bind({ name, address, port, isUnix, variable }: Place): Promise<HeldSocket> {
    if (isUnix) {
      return { name, address, port, isUnix, asked: address, ...(await bindUnixListener(address, user)) }
    }
    try {
      return { name, isUnix, asked: address, ...bindListener(address, port, variable) }
    } catch (error) {
      const own = held.find((socket) => !socket.isUnix && socket.port === port)
      if (codeOf(error) !== 'EDGE_ERR_PORT_IN_USE' || own === undefined) throw error
      throw new AddressTaken(`${address} port ${port} (${variable})`, own.address, { cause: error })
    }
  }

  function closeWhere(test: (socket: HeldSocket) => boolean): void {
    const closing = held.filter(test)
    held = held.filter((socket) => !closing.includes(socket))
    for (const { isUnix, asked, close } of closing) {
      close()
      if (isUnix && asked !== undefined) rmSync(asked, { force: true })
    }
  }

  return {
    async open(config) {
      const before = new Set(held)
      try {
        const opened: HeldSocket[] = []
        for (const place of placesOf(config)) {
          const found = held.filter((socket) => fits(socket, place))
          const sockets = found.length > 0 ? found : [await bind(place)]
          held.push(...sockets.filter((socket) => !held.includes(socket)))
          // One that is held may serve under another name than before.
          opened.push(...sockets.map((socket) => ({ ...socket, name: place.name })))
        }
        return opened
      } catch (error) {
        closeWhere((socket) => !before.has(socket))
        throw error
      }
    },
    held: () => held,
    keep(sockets) {
      closeWhere(({ fd }) => !sockets.some((socket) => socket.fd === fd))
      held = [...sockets]
    },
    close: (names) => closeWhere(({ name }) => names.includes(name)),
    release() {
      for (const { close } of held) close()
      held = []
    },
  }
}

/** Where a configuration listens. */
type Place = Pick<HeldSocket, 'name' | 'address' | 'port' | 'isUnix'> & { readonly variable: string }

function placesOf({ address, httpPort, httpsPort, admin }: Addresses): Place[] {
  const adminPlace = admin.kind === 'unix' ? { address: admin.path, port: 0 } : admin
  return [
    { name: 'http', address, port: httpPort, isUnix: false, variable: 'EDGE_HTTP_PORT' },
    { name: 'https', address, port: httpsPort, isUnix: false, variable: 'EDGE_HTTPS_PORT' },
    { name: 'admin', ...adminPlace, isUnix: admin.kind === 'unix', variable: 'EDGE_ADMIN' },
  ]
}

function fits(socket: HeldSocket, place: Place): boolean {
  if (socket.isUnix !== place.isUnix || (socket.asked ?? place.address) !== place.address) return false
  return place.port === 0 && !place.isUnix ? socket.name === place.name : socket.port === place.port
}

/** Redirects, links and replaced processes get the ports that were really bound. */
export function withPorts(config: Config, sockets: readonly HeldSocket[]): Config {
  const port = (name: Name): number | undefined => sockets.find((socket) => socket.name === name)?.port
  return {
    ...config,
    httpPort: port('http') ?? config.httpPort,
    httpsPort: port('https') ?? config.httpsPort,
    admin: config.admin.kind === 'tcp' ? { ...config.admin, port: port('admin') ?? config.admin.port } : config.admin,
  }
}

/** As the log and `GET /status` have them: a Unix socket has no port to tell. */
export function describeSockets(sockets: readonly HeldSocket[]): ListenerInfo[] {
  return sockets.filter(({ isUnix }) => !isUnix).map(({ name, address, port }) => ({ name, address, port }))
}
