import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CertificateRequestInvalid } from '../../errors.ts'
import type { AdminCertificates } from '../contracts.ts'
import { NDJSON, streamLines } from '../lines.ts'
import {
  pageOf,
  parseImport,
  parseIssue,
  parseList,
  parseRenewals,
  parseRevocation,
  select,
  type Parsed,
} from '../certificate-request.ts'

type Named = { Params: { name: string } }

/** What is known of certificates, and what may be done about them, for operators and the app. */
export async function certificateRoutes(
  app: FastifyInstance,
  { certificates }: { certificates: AdminCertificates },
): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get('/certificates', { exposeHeadRoute: false }, async (request, reply) => {
    const query = orThrow(parseList(request.query))
    const found = select(certificates.list(), query)
    if (request.headers.accept !== NDJSON) return pageOf(found, query)
    return reply.type(NDJSON).send(streamLines(found))
  })

  app.get<Named>('/certificates/:name', ({ params }) => certificates.show(params.name))

  app.post('/certificates', async (request, reply) => {
    const { domain, renew } = orThrow(parseIssue(request.body))
    const issuing = certificates.issue(domain, { renew })
    if (waits(request)) return issuing
    // Whoever does not wait reads of a failure in the status, where every later asker finds it too.
    issuing.catch(() => undefined)
    const before = await certificates.show(domain)
    return reply.code(202).send(before)
  })

  app.post('/certificates/import', (request) => {
    const { offered, isTrial } = orThrow(parseImport(request.body))
    return certificates.import(offered, isTrial)
  })

  app.post('/certificates/renewals', async (request, reply) => {
    const steps = certificates.renewAll(orThrow(parseRenewals(request.body)))
    return reply.type(NDJSON).send(streamLines(steps))
  })

  app.post<Named>('/certificates/:name/revoke', async ({ params, body }, reply) => {
    await certificates.revoke(params.name, orThrow(parseRevocation(body)))
    return reply.code(204).send()
  })

  app.delete<Named>('/certificates/:name', async ({ params }, reply) => {
    await certificates.remove(params.name)
    return reply.code(204).send()
  })
}

function waits({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'wait' in query
}

function orThrow<Value>(parsed: Parsed<Value>): Value {
  if ('error' in parsed) throw new CertificateRequestInvalid(parsed.error)
  return parsed.value
}
