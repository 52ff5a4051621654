import { STATUS_CODES } from 'node:http'
import { edgeChannel } from '../events.ts'
import type { Connection, RequestHead } from '../request.ts'
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
export function answerToNobody(failed: NoRequest): string {
  logNoRequest(failed)
  const { status, id } = failed
  const page: PageName = status === 408 ? 'timeout' : 'bad-request'
  const { contentType, body } = renderPage(page, { status, requestId: id }, undefined)
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n` +
    `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body.toString()}`
  )
}
