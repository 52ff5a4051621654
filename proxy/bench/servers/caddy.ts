import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, isListening, launch, untilReady } from './launch.ts'
import { renderPeer, type Server, type ServerOptions } from './server.ts'

/** Caddy with `peers/Caddyfile`. */
export async function startCaddy(options: ServerOptions): Promise<Server> {
  const { certificate, certificates, cache, upstreamPort } = options
  return startWith('Caddyfile', options, { certificate, certificates, cache, upstreamPort })
}

/** @param file in `peers`. @param more what else it asks for, in double braces; its ports are chosen where they are not given. */
export async function startWith(
  file: string,
  { directory, core }: Pick<ServerOptions, 'directory' | 'core'>,
  more: Readonly<Record<string, string | number>>,
): Promise<Server> {
  mkdirSync(directory, { recursive: true })
  const http = Number(more['http'] ?? (await findFreePort()))
  const https = await findFreePort()
  const configuration = join(directory, 'Caddyfile')
  const logFile = join(directory, 'access.log')
  writeFileSync(configuration, renderPeer(file, { directory, logFile, http, https, ...more }))
  const errorFile = join(directory, 'error.log')
  const launched = await launch({
    command: 'caddy',
    args: ['run', '--config', configuration, '--adapter', 'caddyfile'],
    core,
    logFile: errorFile,
    // One core, as the others: Go would start a thread for each that the machine has.
    environment: { GOMAXPROCS: '1', HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  })
  await untilReady(launched, errorFile, () => isListening(https))
  return { name: 'caddy', pid: launched.pid, http, https, logFile, stop: () => launched.stop() }
}
