import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The visitors' ports of the connections over IPv4 that a process holds, to these ports of its own. What waits in a listening
 * socket's queue is nobody's yet.
 */
export function connectionsOf(pid: number, ports: readonly number[]): Set<number> {
  const inodes = socketsOf(pid)
  const connections = parseConnections(readFileSync('/proc/net/tcp', 'utf8'))
  return new Set(
    connections.flatMap(({ local, remote, inode }) => (ports.includes(local) && inodes.has(inode) ? [remote] : [])),
  )
}

/** Lines of `/proc/net/tcp`: `sl local_address rem_address st … inode`, addresses and ports in hexadecimal (proc(5)). */
export function parseConnections(text: string): { local: number; remote: number; inode: number }[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', , , , , , , inode] = line.trim().split(/\s+/)
      return inode === undefined ? [] : [{ local: portOf(local), remote: portOf(remote), inode: Number(inode) }]
    })
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16)
}

function socketsOf(pid: number): Set<number> {
  const folder = `/proc/${pid}/fd`
  return new Set(
    readdirSync(folder).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${folder}/${fd}`))?.[1]
      return inode === undefined ? [] : [Number(inode)]
    }),
  )
}

/** Descriptors are closed between the look at the folder and the look at them. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
