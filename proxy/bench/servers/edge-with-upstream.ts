import { join } from 'node:path'
import type { Lab } from '../scenario.ts'
import { startEdge, type RunningEdge } from './edge.ts'
import type { ServerOptions } from './server.ts'
import { startUpstream } from './upstream.ts'

export type Begun = { readonly edge: RunningEdge; readonly startedMs: number }

/**
 * An edge whose start is measured, on a core of its own, with an upstream that is there already; all its files lie in `folder`.
 * Both end with `running`. @returns when the edge was begun, too: ms, as `performance.now` has them.
 */
export async function startWithUpstream(
  lab: Lab,
  running: AsyncDisposableStack,
  { folder, ...options }: Pick<ServerOptions, 'cache' | 'certificates' | 'environment'> & { folder: string },
): Promise<Begun> {
  const { certificate, www } = await lab.grounds()
  const { cores, environment } = lab
  const directory = join(folder, 'upstream')
  const upstream = await startUpstream({ kind: 'pages', directory, www, core: cores.upstream })
  running.defer(() => upstream.stop())
  const startedMs = performance.now()
  const edge = await startEdge({
    directory: join(folder, 'edge'),
    certificate,
    upstreamPort: upstream.port,
    core: cores.server,
    ...options,
    environment: { ...environment, ...options.environment },
  })
  running.defer(() => edge.stop())
  return { edge, startedMs }
}
