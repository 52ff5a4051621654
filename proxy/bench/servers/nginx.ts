import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, isListening, launch, untilReady } from './launch.ts'
import { renderPeer, type Server, type ServerOptions } from './server.ts'

/** NGINX with `peers/nginx.conf`. */
export async function startNginx(options: ServerOptions): Promise<Server> {
  const http = await findFreePort()
  const https = await findFreePort()
  const running = await startWith('nginx.conf', options.directory, options.core, { ...options, http, https })
  return { name: 'nginx', http, https, ...running }
}

/** Starts an nginx with one of our configurations, whose `{{http}}` is the port that tells that it serves. */
export async function startWith(
  file: string,
  directory: string,
  core: string,
  values: Readonly<Record<string, unknown>> & { http: number },
): Promise<Pick<Server, 'pid' | 'logFile' | 'stop'>> {
  mkdirSync(directory, { recursive: true })
  const logFile = join(directory, 'access.log')
  const configuration = join(directory, 'nginx.conf')
  const errorFile = join(directory, 'error.log')
  const texts = Object.entries({ ...values, directory, logFile }).map(([name, value]) => [name, String(value)] as const)
  writeFileSync(configuration, renderPeer(file, Object.fromEntries(texts)))
  const launched = await launch({
    command: 'nginx',
    // The last one: before it has read its configuration, it would log to /var/log.
    args: ['-p', directory, '-c', configuration, '-e', errorFile],
    core,
    logFile: errorFile,
  })
  await untilReady(launched, errorFile, () => isListening(values.http))
  return { pid: launched.pid, logFile, stop: () => launched.stop() }
}
