import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, isListening, launch, untilReady } from './launch.ts'
import { renderPeer, type Server, type ServerOptions } from './server.ts'

/** Caddy with `peers/Caddyfile`. */
export async function startCaddy({ directory, core, ...options }: ServerOptions): Promise<Server> {
  mkdirSync(directory, { recursive: true })
  const http = await findFreePort()
  const https = await findFreePort()
  const configuration = join(directory, 'Caddyfile')
  const logFile = join(directory, 'access.log')
  const { certificate, certificates, cache, upstreamPort } = options
  const values = { directory, logFile, http, https, certificate, certificates, cache, upstreamPort }
  writeFileSync(configuration, renderPeer('Caddyfile', values))
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
