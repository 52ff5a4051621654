import type { IncomingHttpHeaders } from 'node:http'
import { Pool } from 'undici'
import { AcmeProblem, codeOf } from '../../../errors.ts'
import { withDeadline } from '../../deadline.ts'

export type TransportOptions = {
  readonly directoryUrl: string
  /** PEM of the CA that signs the ACME server's own certificate; undefined: those that Node trusts. */
  readonly caPem?: string | undefined
  readonly userAgent: string
  readonly requestMs?: number
}

export type RawAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }

/** HTTP to one CA. */
export type Transport = {
  /** Rejects with AcmeProblem `unreachable`, `timeout` or `invalidAnswer`; the status is the caller's to judge. */
  send(method: 'GET' | 'HEAD' | 'POST', url: string, body: string | undefined, signal: AbortSignal): Promise<RawAnswer>
  close(): Promise<void>
}

const REQUEST_MS = 15_000
/** A chain has some kilobytes; a CA that sends this much is none. */
const MAX_ANSWER_BYTES = 1024 * 1024
/** How many requests may be under way at one time. */
const CONNECTIONS = 8

/** Only the origin of the directory is ever contacted: no document of the CA can send us elsewhere. */
export function createTransport(options: TransportOptions): Transport {
  const { directoryUrl, caPem, userAgent, requestMs = REQUEST_MS } = options
  const { origin } = new URL(directoryUrl)
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    maxResponseSize: MAX_ANSWER_BYTES,
    connect: { timeout: requestMs, ...(caPem !== undefined && { ca: caPem }) },
  })

  return {
    async send(method, url, body, signal) {
      const target = URL.parse(url)
      if (target?.origin !== origin) throw invalidAnswer(`it names ${url.slice(0, 200)}, which is not of ${origin}`)
      const headers = {
        'user-agent': userAgent,
        ...(body !== undefined && { 'content-type': 'application/jose+json' }),
      }
      const path = target.pathname + target.search
      try {
        return await withDeadline(
          requestMs,
          async (limited) => {
            const answer = await pool.request({ method, path, headers, body: body ?? null, signal: limited })
            return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
          },
          signal,
        )
      } catch (cause) {
        throw describe(cause, origin)
      }
    },
    close: () => pool.destroy(),
  }
}

function describe(cause: unknown, origin: string): AcmeProblem {
  if (cause instanceof DOMException) return timedOut(cause)
  const code = codeOf(cause)
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return invalidAnswer('it is longer than 1 MiB')
  if (code.startsWith('HPE_')) return invalidAnswer(`it is no HTTP (${code})`)
  if (code.endsWith('_TIMEOUT')) return timedOut(cause)
  const reason = cause instanceof Error ? cause.message : code
  return new AcmeProblem({ kind: 'unreachable', status: 0, detail: `${origin}: ${reason || code}` }, { cause })
}

/** Neither the time limits nor the end of an order say anything about the name. */
export function timedOut(cause: unknown): AcmeProblem {
  const detail = cause instanceof Error ? cause.message : 'the order was given up'
  return new AcmeProblem({ kind: 'timeout', status: 0, detail }, { cause })
}

export function invalidAnswer(detail: string, status = 0): AcmeProblem {
  return new AcmeProblem({ kind: 'invalidAnswer', status, detail })
}
