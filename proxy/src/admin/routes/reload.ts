import type { FastifyInstance, FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { ChannelClosed, codeOf, ConfigInvalid } from '../../errors.ts'
import type { AdminOptions, ReloadOutcome } from '../contracts.ts'

type Options = Pick<AdminOptions, 'reload' | 'upgrade' | 'onEvent'>

const NDJSON = 'application/x-ndjson'
/** A proxy or a client between may end what is silent for long. */
const ALIVE_MS = 15_000

/**
 * `POST /reload`, `POST /upgrade`: answer when new processes serve, or with why they do not; line by line for who wants to
 * watch.
 */
export async function reloadRoutes(app: FastifyInstance, { reload, upgrade, onEvent }: Options): Promise<void> {
  for (const [path, work] of [['/reload', reload] as const, ['/upgrade', upgrade] as const]) {
    app.post(path, async (request, reply) => {
      reply.header('cache-control', 'no-store')
      if (request.headers.accept !== NDJSON) return work().catch((error: unknown) => refuse(error, reply))
      return reply.type(NDJSON).send(followSteps(work, onEvent))
    })
  }
}

/** `{"step": "…"}` for each step, at last `{"outcome": {…}}`, or `{"error": "…", "code": "…"}`: the status was sent before. */
function followSteps(work: () => Promise<ReloadOutcome>, onEvent: Options['onEvent']): Readable {
  const lines = new Readable({ read() {} })
  const push = (value: object): void => void lines.push(`${JSON.stringify(value)}\n`)
  const unsubscribe = onEvent((event) => {
    if (event.type === 'reload' && event.phase !== 'failed') push({ step: event.step })
  })
  const timer = setInterval(() => push({ alive: true }), ALIVE_MS)
  // Whoever leaves does not end the reload.
  lines.once('close', () => {
    clearInterval(timer)
    unsubscribe()
  })
  void work()
    .then(
      (outcome) => push({ outcome }),
      // Where the primary has ended, nobody can say what became of it: neither can we.
      (error: unknown) => isAway(error) || push(failureOf(error)),
    )
    .finally(() => lines.push(null))
  return lines
}

/** The primary has told the log already. */
function refuse(error: unknown, reply: FastifyReply): FastifyReply {
  const status = error instanceof ConfigInvalid ? 422 : isAway(error) ? 503 : 409
  return reply.code(status).send({ status, ...failureOf(error) })
}

function isAway(error: unknown): boolean {
  return codeOf(error) === new ChannelClosed('').code
}

function failureOf(error: unknown): object {
  const faults = error instanceof ConfigInvalid ? { faults: error.faults } : {}
  return { error: error instanceof Error ? error.message : String(error), code: codeOf(error), ...faults }
}
