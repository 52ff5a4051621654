import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, isListening, launch, untilReady } from './launch.ts'
import { startWith } from './nginx.ts'

export type Upstream = { readonly port: number; stop(): Promise<void> }

/** `pages`: GET, by nginx. By Node: `echo`, uploads and WebSockets; `expiring`, pages that are good for a second. */
export type UpstreamKind = 'pages' | 'echo' | 'expiring'

type UpstreamOptions = { kind: UpstreamKind; directory: string; www: string; core: string }

/** The app of the benchmarks. */
export async function startUpstream({ kind, directory, www, core }: UpstreamOptions): Promise<Upstream> {
  const port = await findFreePort()
  if (kind === 'pages') {
    const { stop } = await startWith('upstream.conf', directory, core, { http: port, www })
    return { port, stop }
  }
  mkdirSync(directory, { recursive: true })
  const logFile = join(directory, 'error.log')
  const program = join(import.meta.dirname, `../peers/${kind}.ts`)
  const launched = await launch({ command: process.execPath, args: [program, String(port)], core, logFile })
  await untilReady(launched, logFile, () => isListening(port))
  return { port, stop: () => launched.stop() }
}
