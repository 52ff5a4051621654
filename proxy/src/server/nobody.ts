import { STATUS_CODES } from 'node:http'
import { edgeChannel } from '../events.ts'
import type { Connection, RequestHead } from '../request.ts'
import { OWN_STATUS, type CommonHeaders } from './common-headers.ts'
import { renderPage, type PageName } from './pages/page.ts'

/** What came over a connection and was no request, and what becomes of it. */
export type NoRequest = {
  readonly connection: Connection | undefined
  readonly status: number
  /** For the log, never for the page. */
  readonly reason: string
  readonly id: string
  /** Where it is known. */
  readonly version?: RequestHead['version']
}

const requests = edgeChannel('request')

/** Its line in the log. */
export function logNoRequest({ connection, status, reason, id, version }: NoRequest): void {
  requests.publish({
    method: '-',
    scheme: connection?.scheme ?? 'http',
    host: '',
    target: '',
    version: version ?? '-',
    status,
    bytes: 0,
    durationMs: 0,
    cache: undefined,
    upstream: undefined,
    requestId: id,
    address: connection?.address ?? 'unknown',
    reason,
    aborted: true,
    userAgent: undefined,
    referrer: undefined,
  })
}

/** The answer of HTTP/1.1 to bytes that are no request, as text: nobody has said what they accept. */
export function answerToNobody(failed: NoRequest, common: CommonHeaders): string {
  logNoRequest(failed)
  const { connection, status, id } = failed
  const page: PageName = status === 408 ? 'timeout' : 'bad-request'
  const { contentType, body } = renderPage(page, { status, requestId: id }, undefined)
  const head = { scheme: connection?.scheme ?? 'http' }
  const own = ['Content-Type', contentType, 'Content-Length', String(body.length), 'Cache-Control', 'no-store']
  const fields = [...own, ...common({ head, cache: 'BYPASS', cacheStatus: OWN_STATUS }), 'Connection', 'close']
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let i = 0; i + 1 < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return `${text}\r\n${body.toString()}`
}
