import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import {
  AdminBodyInvalid,
  AdminBodyTooLarge,
  AdminBodyTypeInvalid,
  AdminRouteUnknown,
  ChannelClosed,
  ChannelTimeout,
  codeOf,
} from '../errors.ts'
import { edgeChannel } from '../events.ts'

const faults = edgeChannel('fault')

/** Of errors that no visitor meets, and whose own status is therefore not written down with them. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['EDGE_ERR_CERTIFICATE_DENIED', 403],
  ['EDGE_ERR_CERTIFICATE_INVALID', 422],
  ['EDGE_ERR_CERTIFICATE_BACK_OFF', 429],
  ['EDGE_ERR_CERTIFICATE_LIMITED', 429],
  ['EDGE_ERR_ACME_PROBLEM', 502],
  ['EDGE_ERR_CERTIFICATE_BUSY', 503],
  ['EDGE_ERR_PERMISSION_UNAVAILABLE', 503],
  ['EDGE_ERR_STORE_UNAVAILABLE', 503],
])

/** Every failure is `{ "status", "code", "error" }`; the text is for the operator. */
export function answerError(raised: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const error = bodyError(raised) ?? raised
  const status = statusOf(error)
  if (status === 500) faults.publish({ area: 'admin', message: 'admin request failed', error })
  void reply.code(status).send({ status, code: codeOf(error), error: error.message })
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  answerError(new AdminRouteUnknown(request.method, request.url.slice(0, 200)), request, reply)
}

/** What Fastify says of a body that it did not take, in our words; undefined for any other error. */
function bodyError(error: FastifyError): FastifyError | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return new AdminBodyTypeInvalid()
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new AdminBodyTooLarge()
    default:
      return error.code?.startsWith('FST_ERR_CTP_') ? new AdminBodyInvalid(error.message) : undefined
  }
}

function statusOf(error: FastifyError): number {
  // A worker that is being replaced: asking again helps.
  if (error instanceof ChannelClosed || error instanceof ChannelTimeout) return 503
  return error.statusCode ?? STATUSES.get(codeOf(error)) ?? 500
}
