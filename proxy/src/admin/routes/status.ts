import type { FastifyInstance } from 'fastify'
import { codeOf } from '../../errors.ts'
import type { AdminOptions, StatusReport } from '../contracts.ts'

type Options = Pick<AdminOptions, 'version' | 'status'>

/** `GET /health`, `GET /ready`, `GET /status`. */
export async function statusRoutes(app: FastifyInstance, { version, status }: Options): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get('/health', () => ({ status: 'alive', version }))

  app.get('/status', () => status())

  app.get('/ready', async (_request, reply) => {
    const answer = await status().then(readiness, (error: unknown) => ({
      ready: false,
      degraded: [`no status (${codeOf(error)})`],
    }))
    return reply.code(answer.ready ? 200 : 503).send(answer)
  })
}

type Readiness = { ready: boolean; degraded: string[] }

/** Ready while a worker answers; everything else that is away only degrades. */
function readiness({ processes, generations, degraded = [], maintenance }: StatusReport): Readiness {
  const serving = generations?.find(({ state }) => state === 'running')?.number
  const isOfServing = (generation: number): boolean => serving === undefined || generation === serving
  // Those of before drain, and those to come are not there yet: neither is missed.
  const workers = processes.filter(({ role, generation }) => role === 'worker' && isOfServing(generation))
  const running = workers.filter(({ state }) => state === 'running').length
  const missing = running < workers.length || running === 0 ? [`${running} of ${workers.length} workers running`] : []
  const closed = maintenance?.on ? [`in maintenance, by ${maintenance.by.join(' and ')}`] : []
  return { ready: running > 0, degraded: [...missing, ...closed, ...degraded] }
}
