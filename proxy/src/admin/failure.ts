import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AdminRouteUnknown, ChannelClosed, ChannelTimeout, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'

const faults = edgeChannel('fault')

/** Every failure is `{ "status", "code", "error" }`; the text is for the operator. */
export function answerError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error)
  if (status === 500) faults.publish({ area: 'admin', message: 'admin request failed', error })
  void reply.code(status).send({ status, code: codeOf(error), error: error.message })
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  answerError(new AdminRouteUnknown(request.method, request.url.slice(0, 200)), request, reply)
}

function statusOf(error: FastifyError): number {
  // A worker that is being replaced: asking again helps.
  if (error instanceof ChannelClosed || error instanceof ChannelTimeout) return 503
  return error.statusCode ?? 500
}
