import { once } from 'node:events'
import { readFile, realpath, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Config } from '../config.ts'
import { codeOf } from '../errors.ts'
import { bindListener } from '../lifecycle/listener.ts'
import type { Finding } from './finding.ts'
import { findPortHolders, type PortHolder } from './port-holder.ts'
import { findSocketUnit } from './socket-unit.ts'

export type PortToCheck = { readonly variable: string; readonly address: string; readonly port: number }

/** The ports that an edge of this configuration listens on, as far as they are known. */
export function portsOf({ address, httpPort, httpsPort, admin }: Partial<Config>): PortToCheck[] {
  const ports: PortToCheck[] = []
  if (address !== undefined && httpPort !== undefined)
    ports.push({ variable: 'EDGE_HTTP_PORT', address, port: httpPort })
  if (address !== undefined && httpsPort !== undefined) {
    ports.push({ variable: 'EDGE_HTTPS_PORT', address, port: httpsPort })
  }
  if (admin?.kind === 'tcp') ports.push({ variable: 'EDGE_ADMIN', address: admin.address, port: admin.port })
  return ports
}

/** Binds the port and lets go of it at once. A port that the running edge holds is as it should be. */
export async function checkPort(place: PortToCheck, pidFile: string | undefined): Promise<Finding> {
  const { variable, address, port } = place
  const value = `${address} port ${port}`
  try {
    bindListener(address, port, variable).close()
    return { ok: true, variable, value, message: 'is free' }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EDGE_ERR_PORT_FORBIDDEN') return { ok: false, variable, value, message: await forbidden() }
    if (code !== 'EDGE_ERR_PORT_IN_USE') return { ok: false, variable, value, message: messageOf(error) }
  }
  const holders = await findPortHolders(port)
  const edge = await readPid(pidFile)
  if (holders.some(({ pid, parentPid }) => pid === edge || parentPid === edge)) {
    return { ok: true, variable, value, message: `is held by the running edge (pid ${edge})` }
  }
  const socket = holders.some(({ pid }) => pid === 1) ? await findSocketUnit(port) : undefined
  if (socket?.activates === 'blot-edge.service') {
    return { ok: true, variable, value, message: `is held by systemd for the edge (${socket.unit})` }
  }
  if (socket !== undefined) {
    const mend = `systemctl disable --now ${socket.unit}, or choose another port`
    return { ok: false, variable, value, message: `is held by systemd for ${socket.activates}: ${mend}` }
  }
  return {
    ok: false,
    variable,
    value,
    message: `is in use by ${nameHolders(holders)}: stop that, or choose another port`,
  }
}

/** Is the path of the admin API's socket free, or that of a socket which nobody listens on any more? */
export async function checkSocketPath(path: string): Promise<Finding> {
  const finding = { variable: 'EDGE_ADMIN', value: `unix:${path}` }
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return { ...finding, ok: true, message: 'is free' }
  if (!found.isSocket())
    return { ...finding, ok: false, message: 'is no socket: move that file, or choose another path' }
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return { ...finding, ok: true, message: 'is listened on by a running edge' }
  } catch (error) {
    if (codeOf(error) === 'ECONNREFUSED') return { ...finding, ok: true, message: 'is left over, and will be replaced' }
    return { ...finding, ok: false, message: `cannot be used (${codeOf(error)})` }
  } finally {
    socket.destroy()
  }
}

async function forbidden(): Promise<string> {
  const node = await realpath(process.execPath)
  return (
    'may not be opened by this user: start as root, or with AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, ' +
    `or through authbind, or allow it with: setcap cap_net_bind_service=+ep ${node}`
  )
}

function nameHolders(holders: readonly PortHolder[]): string {
  if (holders.length === 0) return 'a program that this user may not see (root can: ss -ltnp)'
  return holders.map(({ program, pid }) => `${program} (pid ${pid})`).join(', ')
}

async function readPid(pidFile: string | undefined): Promise<number | undefined> {
  if (pidFile === undefined) return undefined
  const text = await readFile(pidFile, 'utf8').catch(() => '')
  return /^\d+\s*$/.test(text) ? Number(text) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
