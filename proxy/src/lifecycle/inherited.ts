import { readFileSync, readlinkSync } from 'node:fs'
import net from 'node:net'
import type { Config } from '../config.ts'
import { SocketUnfit } from '../errors.ts'
import type { HandedSocket } from './messages.ts'
import type { HeldSocket } from './sockets.ts'

/** Variables that are for this process alone (sd_listen_fds(3)). */
export const LISTEN_VARIABLES: readonly string[] = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_PIDFDID', 'LISTEN_FDNAMES']

type Environment = Readonly<Record<string, string | undefined>>
type Addresses = Pick<Config, 'httpPort' | 'httpsPort' | 'admin'>
type Name = HeldSocket['name']

const FIRST_FD = 3
const MOST_FDS = 64
/** State `LISTEN` in /proc/net/tcp (Linux, net/tcp_states.h). */
const LISTENING = '0A'

/**
 * The listening sockets that systemd has handed to this process.
 * @throws EDGE_ERR_SOCKET_UNFIT for one that is not what the configuration needs.
 */
export function inheritSockets(environment: Environment, config: Addresses): HeldSocket[] {
  const { LISTEN_FDS: count, LISTEN_PID: pid, LISTEN_FDNAMES: names = '' } = environment
  // Meant for another process, whose environment this is.
  if (count === undefined || (pid !== undefined && Number(pid) !== process.pid)) return []
  if (!/^\d+$/.test(count) || Number(count) > MOST_FDS)
    throw new SocketUnfit(`LISTEN_FDS=${count}`, 'is no number of sockets')
  return Array.from({ length: Number(count) }, (_, i) => inherit(FIRST_FD + i, names.split(':')[i] ?? '', config))
}

function inherit(fd: number, given: string, config: Addresses): HeldSocket {
  const name = nameOf(given)
  const subject = `socket ${JSON.stringify(given)} (descriptor ${fd})`
  if (name === undefined)
    throw new SocketUnfit(subject, 'is none of http, https and admin: say FileDescriptorName=http in its unit')
  const handle = openHandle(fd, subject)
  const close = (): void => handle.close()
  if (handle.getsockname === undefined) {
    if (name !== 'admin' || config.admin.kind !== 'unix') throw new SocketUnfit(subject, 'is no TCP socket')
    return { name, address: config.admin.path, port: 0, fd, isUnix: true, asked: config.admin.path, close }
  }
  const place: { address?: string; port?: number } = {}
  if (handle.getsockname(place) !== 0 || place.port === undefined || place.address === undefined) {
    throw new SocketUnfit(subject, 'is no TCP socket')
  }
  const { address, port } = place
  if (!isListening(fd)) throw new SocketUnfit(subject, 'does not listen: Accept=no and ListenStream= are needed')
  const wanted = portOf(name, config)
  if (wanted !== 0 && wanted !== port) {
    throw new SocketUnfit(subject, `listens on port ${port}, and the configuration says ${wanted}: make them the same`)
  }
  return { name, address, port, fd, isUnix: false, asked: undefined, close }
}

/** The sockets of the primary before this one, whatever the configuration has become: those that it does not want are closed. */
export function takeOverSockets(sockets: readonly HandedSocket[]): HeldSocket[] {
  return sockets.map(({ name, address, port, isUnix, asked }, i) => {
    const fd = FIRST_FD + i
    const handle = openHandle(fd, `socket ${JSON.stringify(name)} (descriptor ${fd})`)
    return { name, address, port, isUnix, asked, fd, close: () => handle.close() }
  })
}

function nameOf(given: string): Name | undefined {
  return given === 'http' || given === 'https' || given === 'admin' ? given : undefined
}

function portOf(name: Name, { httpPort, httpsPort, admin }: Addresses): number {
  if (name === 'http') return httpPort
  if (name === 'https') return httpsPort
  return admin.kind === 'tcp' ? admin.port : -1
}

type Handle = { close(): void; getsockname?(out: { port?: number; address?: string }): number }
/** The call by which Node itself takes a descriptor over without accepting from it. */
type Opener = { _createServerHandle?(address: null, port: null, type: -1, fd: number, flags: 0): Handle | number }

function openHandle(fd: number, subject: string): Handle {
  const opener = net as unknown as Opener
  const handle = opener._createServerHandle?.(null, null, -1, fd, 0)
  if (handle === undefined || typeof handle === 'number') throw new SocketUnfit(subject, 'is no socket that listens')
  return handle
}

/** Where there is no /proc, whoever accepts from it finds out. */
function isListening(fd: number): boolean {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
    const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
    return rows.some((row) => {
      const fields = row.trim().split(/\s+/)
      return fields[9] === inode && fields[3] === LISTENING
    })
  } catch {
    return true
  }
}
