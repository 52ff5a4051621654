import type { FastifyInstance, FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { ChannelClosed, codeOf, ConfigInvalid } from '../../errors.ts'
import type { AdminOptions } from '../contracts.ts'

type Options = Pick<AdminOptions, 'reload' | 'onEvent'>

const NDJSON = 'application/x-ndjson'
/** A proxy or a client between may end what is silent for long. */
const ALIVE_MS = 15_000

/** `POST /reload`: answers when the new generation serves, or with why it does not; line by line for who wants to watch. */
export async function reloadRoutes(app: FastifyInstance, options: Options): Promise<void> {
  app.post('/reload', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    if (request.headers.accept !== NDJSON) return options.reload().catch((error: unknown) => refuse(error, reply))
    return reply.type(NDJSON).send(followSteps(options))
  })
}

/** `{"step": "…"}` for each step, at last `{"outcome": {…}}`, or `{"error": "…", "code": "…"}`: the status was sent before. */
function followSteps({ reload, onEvent }: Options): Readable {
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
  void reload()
    .then(
      (outcome) => push({ outcome }),
      (error: unknown) => push(failureOf(error)),
    )
    .finally(() => lines.push(null))
  return lines
}

/** The primary has told the log already. */
function refuse(error: unknown, reply: FastifyReply): FastifyReply {
  const status = error instanceof ConfigInvalid ? 422 : codeOf(error) === new ChannelClosed('').code ? 503 : 409
  return reply.code(status).send({ status, ...failureOf(error) })
}

function failureOf(error: unknown): object {
  const faults = error instanceof ConfigInvalid ? { faults: error.faults } : {}
  return { error: error instanceof Error ? error.message : String(error), code: codeOf(error), ...faults }
}
