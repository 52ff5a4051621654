import { join } from 'node:path'
import { findFreePort, launch } from './launch.ts'
import { writeConfiguration, type Proxy, type ProxyOptions } from './proxy.ts'

const COMMAND = join(import.meta.dirname, '../../../bin/blot-edge')

/** The edge in production, twice: it has one kind of upstream. */
export async function startEdge({ directory, app, secureApp }: ProxyOptions): Promise<Proxy> {
  const [plain, secure] = await Promise.all([
    startOneEdge(join(directory, 'plain'), `http://127.0.0.1:${app}`),
    startOneEdge(join(directory, 'secure'), `https://127.0.0.1:${secureApp}`),
  ])
  return {
    name: 'edge',
    http: plain.http,
    https: plain.https,
    secure: secure.http,
    async stop() {
      await Promise.all([plain.stop(), secure.stop()])
    },
  }
}

/** In front of one app. */
export async function startOneEdge(
  directory: string,
  upstream: string,
): Promise<{ http: number; https: number; stop: () => Promise<void> }> {
  const [http, https] = await Promise.all([findFreePort(), findFreePort()])
  const file = writeConfiguration('edge.sh', directory, { directory, upstream, http, https })
  const stop = await launch({ command: COMMAND, args: ['run', '--environment', file], ports: [http] })
  return { http, https, stop }
}
