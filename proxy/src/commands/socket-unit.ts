import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export type SocketUnit = { readonly unit: string; readonly activates: string }

const limitMs = 5000

/** The unit for which systemd holds a TCP port of this machine; undefined where it holds none, or is not asked. */
export async function findSocketUnit(port: number): Promise<SocketUnit | undefined> {
  const args = ['list-sockets', '--full', '--no-legend', '--no-pager', '--plain']
  try {
    const { stdout } = await promisify(execFile)('systemctl', args, {
      timeout: limitMs,
      env: { ...process.env, LC_ALL: 'C' },
    })
    return parseSockets(stdout).find((socket) => socket.port === port)
  } catch {
    return undefined
  }
}

/** Lines such as `[::]:80 blot-edge-http.socket blot-edge.service`. */
export function parseSockets(text: string): (SocketUnit & { port: number })[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', unit, activates] = line.trim().split(/\s+/)
    const port = Number(/:(\d+)$/.exec(address)?.[1])
    return unit === undefined || activates === undefined || Number.isNaN(port) ? [] : [{ port, unit, activates }]
  })
}
