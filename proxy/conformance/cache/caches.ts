import { join } from 'node:path'
import { startOneEdge } from '../proxies/edge.ts'
import { findFreePort, launch } from '../proxies/launch.ts'
import { writeConfiguration } from '../proxies/proxy.ts'

export type CacheName = 'edge' | 'nginx' | 'varnishd'

/** The edge first; the others are who it is seen beside. */
export const CACHES: readonly CacheName[] = ['edge', 'nginx', 'varnishd']

export type RunningCache = { readonly port: number; stop(): Promise<void> }

/** @param directory of the cache's own, which need not be there. @param app port of the app behind it. */
export async function startCache(name: CacheName, directory: string, app: number): Promise<RunningCache> {
  if (name === 'edge') {
    const { http, stop } = await startOneEdge(directory, `http://127.0.0.1:${app}`)
    return { port: http, stop }
  }
  const port = await findFreePort()
  const file = name === 'nginx' ? 'cache-nginx.conf' : 'cache-varnish.vcl'
  const path = writeConfiguration(file, directory, { directory, app, http: port })
  const work = join(directory, 'work')
  const args =
    name === 'nginx'
      ? ['-p', directory, '-c', path, '-e', 'stderr']
      : ['-F', '-n', work, '-a', `127.0.0.1:${port}`, '-f', path, '-s', 'malloc,100m']
  return { port, stop: await launch({ command: name, args, ports: [port] }) }
}
